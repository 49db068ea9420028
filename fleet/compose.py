"""The compose files of a workspace: the hand-written one, and the derived one that it includes."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import FleetError
from .compose_syntax import extended, host_ports
from .files import FOLDER, read
from .infrastructure import Infrastructure
from .registry import Member
from .service import Containers
from .yaml_edit import Document

DERIVED = f"{FOLDER}/compose.yaml"
OVERRIDE = "compose.override.yaml"
NOTE = " # added by the fleet tool"
SKELETON = b"""\
# The services of this workspace: `docker compose up`. Containers of your own go here, additions to
# the services' containers to compose.override.yaml.
"""
DERIVED_HEADER = """\
# Derived from services.yaml and the services' own files by `make register`. Do not edit: put
# additions in ../compose.override.yaml.
"""

# Docker Compose reads one file of a folder, and compose.yaml before these.
RIVALS = ("compose.yml", "docker-compose.yaml", "docker-compose.yml")

# The settings of services for the shared identity provider.
CREDENTIALS = {
    "AUTH_ISSUER": "http://{identity}:9000",
    "AUTH_CLIENT_ID": "{service}",
    "AUTH_CLIENT_SECRET": "development-only",
}


class Root:
    """The hand-written compose.yaml, and the include of the derived file in it."""

    def __init__(self, path: Path, content: bytes | None) -> None:
        for rival in RIVALS:
            if (path.parent / rival).exists() and content is None:
                raise FleetError(f"{path.parent / rival}: rename it to compose.yaml")
        self.document = Document(path, SKELETON if content is None else content)

    def include(self) -> None:
        """Include the derived file."""
        self.document.append("include", item=DERIVED, note=NOTE)

    def exclude(self) -> None:
        """Remove the include."""
        self.document.discard("include", item=DERIVED, note=NOTE)

    def result(self) -> bytes | None:
        """Return the new content, None if the file is not needed any more."""
        content = self.document.result()
        return None if content == SKELETON else content

    def check_unclaimed(self, service: str, containers: Containers) -> None:
        """Refuse hand-written containers and volumes under a service's names."""
        for section, names in (
            ("services", containers.names),
            ("volumes", containers.volumes),
        ):
            for name in names:
                if found := self.document.find(section, name):
                    problem = f"{name} is here already, and not from {service}; "
                    remedy = "rename or remove it, or move additions to compose.override.yaml"
                    raise self.document.error(found[0], problem + remedy)


@dataclass(frozen=True)
class Published:
    """Host ports in the derived file: of services by path, and of every container by name."""

    services: dict[str, dict[str, int]] = field(default_factory=dict)
    containers: dict[str, int] = field(default_factory=dict)


def published(workspace: Path) -> Published:
    """Read the host ports of the derived file as it is."""
    content = read(workspace / DERIVED)
    if content is None:
        return Published()
    found = Published()
    for name, entry in Document(workspace / DERIVED, content).entries("services").items():
        ports = {inside: host for host, inside in host_ports(entry)}
        path = posixpath.dirname(extended(entry) or "").removeprefix("../")
        if path and ports:
            found.services[path] = ports
        elif ports:
            found.containers[name] = next(iter(ports.values()))
    return found


def is_ours(workspace: Path) -> bool:
    """Return whether a workspace's derived file is there and was derived; refuse another one."""
    content = read(workspace / DERIVED)
    if content is not None and not content.startswith(DERIVED_HEADER[:20].encode()):
        raise FleetError(f"{workspace / DERIVED}:1: not derived by this tool; move it elsewhere")
    return content is not None


def derive(
    members: Mapping[str, Member],
    containers: Mapping[str, Containers],
    infrastructure: Infrastructure,
    parts: Mapping[str, str],
    ports: Mapping[str, int],
) -> bytes:
    """Return the derived file.

    Args:
        members: the registered services.
        containers: the containers of those whose files exist.
        infrastructure: the installed parts.
        parts: the container of each part that runs from `platform/`.
        ports: the host port of each of these parts.
    """
    services: dict[str, Any] = {}
    volumes: dict[str, Any] = {}
    for name, own in sorted(containers.items()):
        file = posixpath.join("..", members[name].path, "compose.yaml")
        shared = sorted(infrastructure.needs(own.names))
        for container in own.names:
            if container not in shared:  # the shared parts replace its own
                services[container] = {"extends": {"file": file, "service": container}}
        services[name] |= _shared(members[name], infrastructure, parts, shared)
        volumes |= {volume: {} for volume in own.volumes}
    for part, container in sorted(parts.items()):
        services[container] = {
            "extends": {"file": f"{part}.yaml", "service": container},
            "ports": [f"127.0.0.1:{ports[part]}:{infrastructure.parts[part].port}"],
        }
    data = {"services": services} | ({"volumes": volumes} if volumes else {})
    text = yaml.safe_dump(data, default_flow_style=None, sort_keys=False, width=10_000)
    return (DERIVED_HEADER + text).encode()


def _shared(
    member: Member, infrastructure: Infrastructure, parts: Mapping[str, str], needed: list[str]
) -> dict[str, Any]:
    """Return the additions to a service's container in the derived file."""
    waits = {}
    for name in ("identity", *needed):
        part = infrastructure.parts[name]
        foreign = name in infrastructure.foreign
        condition = "service_started" if foreign else part.condition
        waits[parts.get(name, part.container)] = {"condition": condition}
    identity = parts.get("identity", infrastructure.parts["identity"].container)
    credentials = {
        variable: value.format(identity=identity, service=member.name)
        for variable, value in CREDENTIALS.items()
    }
    return {"ports": member.published(), "environment": credentials, "depends_on": waits}
