"""Register services in a workspace, and derive what they share.

`services.yaml` lists the services. Everything else is derived from it and from the services' own
files at each registration.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import (
    FleetError,
    archive,
    catalog,
    compose,
    contracts,
    environment,
    gateway,
    pipelines,
    takeover,
)
from .compose_syntax import host_ports
from .files import FOLDER, Changes, check_plain, locked, read, write
from .infrastructure import ALWAYS, LOCK, Infrastructure, available, host_port, lock, read_lock
from .registry import PORTS, Registry
from .service import Containers, is_inside, read_containers, read_service
from .yaml_edit import Document


@dataclass(frozen=True)
class Registration:
    """The result: the service's name, its ports on the host, and notes for the user."""

    name: str
    ports: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Status:
    """A registered service, and whether its files exist."""

    name: str
    path: str
    owner: str
    ports: dict[str, int]
    depends_on: tuple[str, ...]
    version: str
    present: bool


def register(workspace: Path, root: Path) -> Registration:
    """Register a service in the workspace, or update its entries."""
    path = relative(root, workspace)
    with locked(workspace):
        if not archive.is_newer(workspace):
            return _register(workspace, root, path)
    return Registration(**archive.hand_over(workspace, "register", root))


def unregister(workspace: Path, root: Path) -> Registration:
    """Remove a service from the workspace, and with the last one everything derived."""
    path = relative(root, workspace)
    with locked(workspace):
        if not archive.is_newer(workspace):
            return _unregister(workspace, root, path)
    return Registration(**archive.hand_over(workspace, "unregister", root))


def status(workspace: Path) -> list[Status]:
    """Return the registered services, by name."""
    registry = Registry(workspace / "services.yaml", read(workspace / "services.yaml"))
    return [
        Status(
            name=name,
            path=member.path,
            owner=member.owner,
            ports=member.ports,
            depends_on=member.depends_on,
            version=member.version,
            present=(workspace / member.path).is_dir(),
        )
        for name, member in sorted(registry.members.items())
    ]


def notes(workspace: Path) -> Iterator[str]:
    """Yield what does not fit together in a workspace."""
    registry = Registry(workspace / "services.yaml", read(workspace / "services.yaml"))
    yield from contracts.unexplained(workspace, registry.members)


def relative(root: Path, workspace: Path) -> str:
    """Return the path of a service in its workspace."""
    path = Path(os.path.relpath(root, workspace)).as_posix()
    if not workspace.is_dir() or not is_inside(path):
        raise FleetError(f"{workspace} is not a folder around {root}; name one that is")
    return path


def _register(workspace: Path, root: Path, path: str) -> Registration:
    service = read_service(workspace, path)
    shared = Shared(workspace)
    known = shared.registry.members.get(service.name)
    if known and known.path != path:
        raise shared.claimed(service.name, path)
    shared.root.check_unclaimed(path, service.containers)
    ports = shared.assign_ports(service.name, path, service.containers)
    shared.registry.add(service, ports)
    shared.write(pipelines.placing(root, service.name))
    return Registration(service.name, ports, shared.notes + pipelines.notes(root, service.name))


def _unregister(workspace: Path, root: Path, path: str) -> Registration:
    shared = Shared(workspace)
    members = shared.registry.members.values()
    name = next((member.name for member in members if member.path == path), root.name)
    shared.registry.discard(name, path)
    shared.catalog.discard(path)
    shared.write(pipelines.withdrawal(root, name))
    return Registration(name, {}, shared.notes)


class Shared:
    """The shared files of a workspace, and the changes to make in them."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.notes: list[str] = []
        self.parts = available()
        self.records = read_lock(workspace)
        self.published = compose.published(workspace)
        self.registry = Registry(self._path("services.yaml"), self._content("services.yaml"))
        self.root = compose.Root(self._path("compose.yaml"), self._content("compose.yaml"))
        content = takeover.with_new_header(self._content("catalog-info.yaml"))
        self.catalog = catalog.Catalog(self._path("catalog-info.yaml"), content)
        self.override = self._content(compose.OVERRIDE)
        self._take_over()
        self._recover()

    def assign_ports(self, name: str, path: str, containers: Containers) -> dict[str, int]:
        """Return the ports of a service on the host."""
        before = self.published.services.get(path, {})
        taken = {*self._taken(), *self.published.containers.values()}
        taken |= {host for ports in self.published.services.values() for host in ports.values()}
        return self.registry.assign_ports(name, containers.exposed, before, taken)

    def claimed(self, name: str, path: str) -> FleetError:
        """Return the error for an entry of another folder under a service's name."""
        place = self.registry.document.find("services", name)
        problem = f"{name} is here already, and not from {path}; "
        remedy = "unregister that other service, or rename or remove the entry"
        return self.registry.document.error(place and place[0], problem + remedy)

    def write(self, placed: Changes) -> None:
        """Derive everything from the registry and write it, pipelines first.

        Each file is written after those that it refers to; removal is in reverse order.
        """
        members, workspace = self.registry.members, self.workspace
        containers = self._containers()
        infrastructure = Infrastructure(
            workspace, self.records, self.root.document.entries("services")
        )
        needed = {need for own in containers.values() for need in infrastructure.needs(own.names)}
        plan = infrastructure.plan(needed | ALWAYS if containers else set())
        self.notes += plan.notes
        self.catalog.add(members[name].path for name in containers)
        if containers:
            self.root.include()
        else:
            self.root.exclude()
        changes = placed | plan.changes
        if "gateway" in plan.containers:
            changes[workspace / FOLDER / gateway.ROUTES] = gateway.routes(members)
        elif gateway.is_ours(workspace):
            changes[workspace / FOLDER / gateway.ROUTES] = None
        changes[workspace / LOCK] = lock(plan.records)
        changes |= environment.plan(workspace, {name: members[name] for name in containers})
        changes[workspace / archive.PLACE] = archive.content() if containers else None
        if compose.is_ours(workspace) or containers:
            ports = self._part_ports(plan.containers)
            derived = compose.derive(members, containers, infrastructure, plan.containers, ports)
            changes[workspace / compose.DERIVED] = derived if containers else None
        changes[self._path("catalog-info.yaml")] = self.catalog.result()
        changes[self._path(compose.OVERRIDE)] = self.override
        changes[self._path("compose.yaml")] = self.root.result()
        changes[self._path("services.yaml")] = self.registry.result()
        write(changes, workspace)

    def _take_over(self) -> None:
        """Migrate the files of an old workspace to the form of this version."""
        if not takeover.is_old(self.registry):
            return
        own = self._containers().values()
        volumes = {volume for containers in own for volume in containers.volumes}
        taken = takeover.take_over(self.registry, self.root, self.parts, volumes)
        document = Document(self._path(compose.OVERRIDE), self.override or b"")
        self.override = takeover.override(document, taken, self.parts) or self.override
        self.records = taken.records | self.records
        for part, port in taken.ports.items():
            self.published.containers.setdefault(self.parts[part].container, port)
        content = takeover.with_new_header(self.root.document.result())
        self.root = compose.Root(self._path("compose.yaml"), content)
        content = takeover.with_new_header(self.registry.document.result())
        self.registry = Registry(self._path("services.yaml"), content)

    def _recover(self) -> None:
        """Register the services of the derived file again after the registry was lost."""
        if self._path("services.yaml").exists():
            return
        names = {inside: name for inside, name, _ in PORTS}
        for path, ports in self.published.services.items():
            if is_inside(path) and (self.workspace / path / "catalog-info.yaml").is_file():
                service = read_service(self.workspace, path)
                known = {names[inside]: host for inside, host in ports.items() if inside in names}
                self.registry.add(service, known)
        self.registry = Registry(self._path("services.yaml"), self.registry.document.result())

    def _containers(self) -> dict[str, Containers]:
        """Return the containers of all services whose files exist."""
        found: dict[str, Containers] = {}
        always = (self.parts[name].container for name in ALWAYS)
        owners = dict.fromkeys(always, "the shared infrastructure")
        for name, member in sorted(self.registry.members.items()):
            folder = self.workspace / member.path
            check_plain(folder / "compose.yaml", self.workspace)
            if not (folder / "compose.yaml").exists():
                self._note(f"{folder / 'compose.yaml'} is missing, so {name} runs in no container")
                continue
            found[name] = read_containers(folder, name)
            for claimed in (*found[name].names, *(f"volume {it}" for it in found[name].volumes)):
                if claimed in self.parts and self.parts[claimed].container == claimed != name:
                    continue
                if claimed in owners:
                    problem = f"{claimed} of {name} is a name in {owners[claimed]}, too"
                    raise FleetError(f"{problem}; rename it in {folder / 'compose.yaml'}")
                owners[claimed] = name
        return found

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _part_ports(self, parts: Mapping[str, str]) -> dict[str, int]:
        """Return a host port for each part: the previous one if free, else the next free one."""
        taken, found = self._taken(), {}
        for name, container in parts.items():
            before = self.published.containers.get(container)
            found[name] = host_port(self.parts[name], before, taken)
            taken.add(found[name])
        return found

    def _taken(self) -> set[int]:
        """Return the host ports of hand-written containers and of the registered services."""
        override = Document(self._path(compose.OVERRIDE), self.override or b"")
        own = {
            host
            for data in (self.root.document.data, override.data)
            for host, _ in host_ports(data)
        }
        return own | self.registry.numbers()

    def _path(self, name: str) -> Path:
        return self.workspace / name

    def _content(self, name: str) -> bytes | None:
        return read(self._path(name))
