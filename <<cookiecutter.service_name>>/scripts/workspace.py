"""Keep this service in the files that the services of a workspace share.

    python scripts/workspace.py register      enter it, or bring its entries up to date
    python scripts/workspace.py unregister    take it out again, byte for byte
    python scripts/workspace.py env           print its port and its peers' addresses on this machine

The files are `services.yaml`, the registry; `compose.yaml`, which runs all services together; and
`catalog-info.yaml`, which leads Backstage to them. What is entered there comes from this service's
own `catalog-info.yaml` and `compose.yaml`. What the services need beside them comes to `platform/`.
In a repository of many services its pipeline is put at the top, too.
"""

import argparse
import os
import posixpath
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pipelines
import yaml
from compose_files import extended, host_ports, numbers
from infrastructure import FOLDER, Part, Plan, Platform, brought
from shared_files import WorkspaceError, locked, shared, write
from yaml_edit import Document, EditError

ROOT = Path(__file__).resolve().parents[1]
ANNOTATION = "cookiecutter-flask-microservice/"

# A port in the container, its name in the registry, and the first port on the host for it.
PORTS = (("8000", "http", 8001), ("50051", "grpc", 50061))
UNREGISTERED = 8000

# Docker Compose reads one file of a folder, and compose.yaml before these.
RIVALS = ("compose.yml", "docker-compose.yaml", "docker-compose.yml")

# A name that can be a host's.
LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True)
class Service:
    """What this service's own files say, with paths as seen from the workspace."""

    name: str
    path: str
    facts: dict[str, Any]
    parts: dict[str, Part]
    own_containers: list[str]
    volumes: list[str]
    exposed: list[str]

    @property
    def compose_file(self) -> str:
        """Its own compose file, which its shared entries extend."""
        return posixpath.join(self.path, "compose.yaml")

    @property
    def target(self) -> str:
        """Its own catalog file, as Backstage names it."""
        return f"./{posixpath.join(self.path, 'catalog-info.yaml')}"

    def registered(self, registry: Document) -> dict[str, Any]:
        """Its entry in the registry; empty if there is none, or it tells of another folder."""
        entry = registry.entries("services").get(self.name)
        if not isinstance(entry, dict) or posixpath.normpath(str(entry.get("path"))) != self.path:
            return {}
        return entry

    def ports(self, registry: Document) -> dict[str, int]:
        """Its ports on the host, as the registry has them."""
        said = self.registered(registry).get("ports") or {}
        try:
            return {name: int(number) for name, number in said.items()}
        except (AttributeError, TypeError, ValueError) as error:
            place = registry.find("services", self.name, "ports")
            raise registry.error(place and place[0], "write ports as {http: 8001}") from error

    def containers(self, compose: Document) -> dict[str, Any]:
        """Its entries in the shared compose file."""
        return {
            name: entry
            for name, entry in compose.entries("services").items()
            if extended(entry) == self.compose_file
        }


def register(workspace: Path, root: Path = ROOT) -> dict[str, int]:
    """Enter the service into the shared files; return its ports on the host."""
    service = read_service(root, workspace)
    with locked(workspace):
        registry, compose, catalog = shared(workspace)
        check_unclaimed(service, registry, compose, catalog)
        ports = assign_ports(service, registry, compose)
        platform = Platform(registry, compose, *ports.values())
        mine = service.containers(compose)
        containers = compose_entries(service, ports)
        known = mine.get(service.name)
        containers[service.name] |= platform.needs(service.name, service.parts, known)
        plan = planned(platform, service, others(service, registry) | {service.name: service.facts})
        pipeline = pipelines.placing(root, service.name)
        registry.update("services", {service.name: service.facts | {"ports": ports}})
        registry.remove(FOLDER, plan.records_gone)
        registry.update(FOLDER, plan.records)
        compose.remove("services", plan.containers_gone | mine.keys() - containers.keys())
        compose.update("services", containers | plan.containers)
        compose.update("volumes", {name: {} for name in service.volumes})
        catalog.append("spec", "targets", item=service.target)
        write(plan.files | pipeline, registry, compose, catalog)
    return ports


def unregister(workspace: Path, root: Path = ROOT) -> None:
    """Take the service out of the shared files; a file that only registration made goes too."""
    service = read_service(root, workspace)
    with locked(workspace):
        registry, compose, catalog = shared(workspace)
        plan = planned(Platform(registry, compose), service, others(service, registry))
        if service.registered(registry):
            registry.remove("services", {service.name})
        if containers := service.containers(compose):
            compose.remove("volumes", set(service.volumes))
        registry.remove(FOLDER, plan.records_gone)
        compose.remove("services", plan.containers_gone | containers.keys())
        catalog.discard("spec", "targets", item=service.target)
        pipeline = pipelines.withdrawal(root, service.name)
        write(plan.files | pipeline, registry, compose, catalog)


def environment(workspace: Path, root: Path = ROOT) -> dict[str, str]:
    """Return what the service needs to run on this machine: its port, and where its peers are."""
    service = read_service(root, workspace)
    path = workspace / "services.yaml"
    registry = Document(path, path.read_bytes() if path.exists() else b"")
    found = {"PORT": str(service.ports(registry).get("http", UNREGISTERED))}
    for peer in service.facts["depends_on"]:
        with suppress(LookupError, TypeError):
            port = registry.entries("services")[peer]["ports"]["http"]
            found[peer.upper().replace("-", "_") + "_URL"] = f"http://127.0.0.1:{port}"
    return found


def others(service: Service, registry: Document) -> dict[str, Any]:
    """Return the entries of the other services, for names that can be a host's."""
    found = registry.entries("services")
    return {name: found[name] for name in found if name != service.name and LABEL.fullmatch(name)}


def planned(platform: Platform, service: Service, registered: dict[str, Any]) -> Plan:
    """Find out what has to change in `platform/` when these are the services."""
    entries = [entry for entry in registered.values() if isinstance(entry, dict)]
    needed = {need for entry in entries for need in entry.get("needs") or ()}
    version = service.facts["template"]["version"]
    return platform.plan(service.parts, version, needed, registered)


def read_service(root: Path, workspace: Path) -> Service:
    """Read what is entered from the service's own two files."""
    path = Path(os.path.relpath(root, workspace)).as_posix()
    if not workspace.is_dir() or set(path) <= set("./"):
        raise WorkspaceError(f"{workspace} is no folder around the service; name one, WORKSPACE=..")
    file = root / "catalog-info.yaml"
    try:
        entities = [entity for entity in read_yaml(file) if entity]
        component = next(entity for entity in entities if entity["kind"] == "Component")
        service, facts = component["metadata"]["name"], registry_entry(component, entities, path)
        file = root / "deploy" / "workspace"
        parts = brought(file)
        file = root / "compose.yaml"
        compose = read_yaml(file)[0]
        return Service(
            name=service,
            path=path,
            facts=facts | {"needs": list(parts)},
            parts=parts,
            own_containers=[name for name in compose["services"] if name not in parts],
            volumes=list(compose.get("volumes") or {}),
            exposed=compose["services"][service].get("expose") or [],
        )
    except (OSError, yaml.YAMLError) as error:
        raise WorkspaceError(f"{file}: {' '.join(str(error).split())}") from error
    except (LookupError, TypeError, AttributeError, StopIteration) as error:
        raise WorkspaceError(f"{file} is incomplete ({error!r}); mend it and run again") from error


def read_yaml(file: Path) -> list[Any]:
    """Return the documents in a file, every scalar as the text it is."""
    return list(yaml.load_all(file.read_text("utf-8"), yaml.BaseLoader))


def registry_entry(component: Any, entities: list[Any], path: str) -> dict[str, Any]:
    """Return the service's entry in the registry; `ports` waits until they are known."""
    metadata, spec = component["metadata"], component["spec"]
    annotations = metadata["annotations"]
    events = {
        verb: [name for name in annotations.get(ANNOTATION + verb, "").split(",") if name]
        for verb in ("publishes", "consumes")
    }
    peers = [peer for peer in spec.get("dependsOn") or [] if peer.startswith("component:")]
    return {
        "path": path,
        "owner": spec["owner"],
        "description": metadata["description"],
        "ports": {},
        "api": {
            api["spec"]["type"]: posixpath.normpath(posixpath.join(path, definition["$text"]))
            for api in entities
            if api["kind"] == "API" and "$text" in (definition := api["spec"]["definition"])
        },
        "depends_on": [peer.rpartition("/")[2].removeprefix("component:") for peer in peers],
        **events,
        "template": {"version": annotations[ANNOTATION + "version"]},
    }


def compose_entries(service: Service, ports: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Return an entry for each of the service's containers, the service itself with its ports."""
    entries: dict[str, dict[str, Any]] = {
        name: {"extends": {"file": service.compose_file, "service": name}}
        for name in service.own_containers
    }
    entries[service.name]["ports"] = [
        f"127.0.0.1:{ports[name]}:{inside}"
        for inside, name, _ in PORTS
        if inside in service.exposed
    ]
    return entries


def check_unclaimed(
    service: Service, registry: Document, compose: Document, catalog: Document
) -> None:
    """Refuse to touch what has a name of this service but is somebody else's."""
    mine = service.containers(compose)
    entries = [] if service.registered(registry) else [service.name]
    containers = [name for name in service.own_containers if name not in mine]
    volumes = [] if mine else service.volumes
    for document, section, names in (
        (registry, "services", entries),
        (compose, "services", containers),
        (compose, "volumes", volumes),
    ):
        for name in names:
            if found := document.find(section, name):
                problem = f"{name} is here already, and not from {service.path}; "
                remedy = "unregister that other service, or rename or remove the entry"
                raise document.error(found[0], problem + remedy)
    for rival in RIVALS:
        if (compose.path.parent / rival).exists() and not compose.path.exists():
            raise WorkspaceError(f"{compose.path.parent / rival}: rename it to compose.yaml")
    if catalog.data.get("kind") != "Location":
        raise catalog.error(None, "no Backstage Location (kind); make it one, or move it elsewhere")


def assign_ports(service: Service, registry: Document, compose: Document) -> dict[str, int]:
    """Return the ports the service has, and for a new one the first that nobody has."""
    ports = service.ports(registry)
    container = service.containers(compose).get(service.name) or {}
    published = {inside: host for host, inside in host_ports(container)}
    taken = {host for host, _ in host_ports(compose.data)} | set(numbers(registry.data))
    for inside, name, first in PORTS:
        if inside in service.exposed:
            free = next(number for number in count(first) if number not in taken)
            ports.setdefault(name, published.get(inside, free))
    return ports


def show(found: dict[str, str]) -> None:
    """Print variables as the shell takes them, but those that somebody has set."""
    found = {"PORT": str(UNREGISTERED)} | found
    print(*(f"{name}={value}" for name, value in found.items() if not os.environ.get(name)))


def main() -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("verb", choices=("register", "unregister", "env"))
    parser.add_argument("--workspace", default="<< cookiecutter.workspace >>", help="its folder")
    arguments = parser.parse_args()
    workspace = (ROOT / arguments.workspace).resolve()
    try:
        if arguments.verb == "register":
            ports = ", ".join(f"{name} {number}" for name, number in register(workspace).items())
            print(f"registered in {workspace} with the ports {ports}")
        elif arguments.verb == "unregister":
            unregister(workspace)
            print(f"not registered in {workspace} any more")
        else:
            show(environment(workspace) if arguments.workspace else {})
    except (WorkspaceError, EditError, pipelines.PipelineError, OSError) as error:
        print(f"{arguments.verb}: {error}", file=sys.stderr)
        if arguments.verb != "env":
            return 1
        show({})  # a broken registry is no reason not to run
    return 0


if __name__ == "__main__":
    sys.exit(main())
