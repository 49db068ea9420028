"""The registry, services.yaml: which services are registered, where, and on which ports."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from .service import LABEL, Service, is_inside
from .yaml_edit import Document

SECTION = "services"
SKELETON = b"""\
# The services of this workspace. `make register` in a service writes the keys that it knows; other
# keys, comments and entries are yours.
services:
"""

# A port in the container, its name in the registry, and the first host port for it.
PORTS = (("8000", "http", 8001), ("50051", "grpc", 50061))


@dataclass(frozen=True)
class Member:
    """A registered service, as the registry describes it."""

    name: str
    path: str
    ports: dict[str, int] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    owner: str = ""
    version: str = ""

    def published(self) -> list[str]:
        """Return the ports to publish, as Compose writes them."""
        return [
            f"127.0.0.1:{self.ports[name]}:{inside}"
            for inside, name, _ in PORTS
            if name in self.ports
        ]


class Registry:
    """The registry of a workspace, and the changes to make in it."""

    def __init__(self, path: Path, content: bytes | None) -> None:
        self.document = Document(path, SKELETON if content is None else content)
        self.members = {member.name: member for member in self._read()}

    def add(self, service: Service, ports: dict[str, int]) -> Member:
        """Register a service, or update its entry; return it as a member."""
        entry = service.entry(ports)
        self.document.update(SECTION, {service.name: entry})
        member = Member(
            service.name, service.path, ports, service.depends_on, service.owner, service.version
        )
        self.members[service.name] = member
        return member

    def discard(self, name: str, path: str) -> None:
        """Remove the entry of the service in a folder, if there is one."""
        if name in self.members and self.members[name].path == path:
            self.document.remove({name}, SECTION)
            del self.members[name]

    def assign_ports(
        self, name: str, exposed: Iterable[str], before: dict[str, int], taken: set[int]
    ) -> dict[str, int]:
        """Return a service's ports on the host: the existing ones, or the first free ones.

        Args:
            name: the service.
            exposed: its ports in the container.
            before: the host ports of each before the registry was lost.
            taken: the host ports of others.
        """
        ports = dict(self.members[name].ports) if name in self.members else {}
        for inside, kind, first in PORTS:
            if inside in exposed:
                free = next(number for number in count(first) if number not in taken)
                ports.setdefault(kind, before.get(inside, free))
        return ports

    def numbers(self) -> set[int]:
        """Return every number in the registry: they may be ports."""
        members = {port for member in self.members.values() for port in member.ports.values()}
        return members | set(_numbers(self.document.data))

    def result(self) -> bytes | None:
        """Return the new content, None if the file is not needed any more."""
        content = self.document.result()
        return None if content == SKELETON else content

    def _read(self) -> Iterator[Member]:
        for name, entry in self.document.entries(SECTION).items():
            if LABEL.fullmatch(name):
                yield self._member(name, entry)

    def _member(self, name: str, entry: Any) -> Member:
        path = entry.get("path") if isinstance(entry, dict) else None
        path = path.removeprefix("./").rstrip("/") if isinstance(path, str) else ""
        if not isinstance(entry, dict) or not is_inside(path):
            remedy = f"give {name} a path inside the workspace, as in path: {name}"
            raise self._error(remedy, name)
        template = entry.get("template")
        return Member(
            name,
            path,
            self._ports(name, entry.get("ports") or {}),
            self._labels(name, entry.get("depends_on") or []),
            str(entry.get("owner", "")),
            str(template.get("version", "")) if isinstance(template, dict) else "",
        )

    def _ports(self, name: str, said: Any) -> dict[str, int]:
        pairs = said.items() if isinstance(said, dict) else [("", "")]
        if not all(_is_port(number) for _, number in pairs):
            raise self._error("write ports as {http: 8001}", name, "ports")
        return {str(port): int(number) for port, number in pairs}

    def _labels(self, name: str, said: Any) -> tuple[str, ...]:
        names = said if isinstance(said, list) else [None]
        if not all(isinstance(peer, str) and LABEL.fullmatch(peer) for peer in names):
            raise self._error("write depends_on as [payments]", name, "depends_on")
        return tuple(names)

    def _error(self, problem: str, *keys: str) -> Exception:
        found = self.document.find(SECTION, *keys)
        return self.document.error(found and found[0], problem)


def _is_port(number: Any) -> bool:
    return (
        isinstance(number, str)
        and number.isascii()
        and number.isdigit()
        and 0 < int(number) < 65536
    )


def _numbers(data: Any) -> Iterator[int]:
    """Yield every whole number in a document."""
    if isinstance(data, dict | list):
        for item in data.values() if isinstance(data, dict) else data:
            yield from _numbers(item)
    elif data.isdecimal():
        yield int(data)
