"""Shared infrastructure: which parts a workspace needs, and their files in `platform/`.

Files of a part are replaced by a tool of the same or a newer version and removed with the last
service that needs the part. Edited files are not changed.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from . import FleetError, __version__
from .files import FOLDER, Changes, read
from .service import NAME, VERSION, is_inside

LOCK = f"{FOLDER}/fleet.lock"
LOCK_HEADER = (
    "# Written by the fleet tool: the parts in this folder, with the SHA-256 of each file.\n"
)

# Every service has a route and an identity; other parts are needed by services that have a container
# of their name.
ALWAYS = {"gateway", "identity"}

DIGEST = re.compile(r"[0-9a-f]{16,64}")  # 16 digits in old workspaces


@dataclass(frozen=True)
class Part:
    """A part of the infrastructure, in this version of the tool."""

    name: str
    container: str
    files: dict[str, bytes]
    port: int
    condition: str


@dataclass(frozen=True)
class Record:
    """An installed part in the lock file: version, and digests by file."""

    version: str
    digests: dict[str, str]


@dataclass
class Plan:
    """Changes of files, and the containers of the parts by part name."""

    changes: Changes = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    containers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def available() -> dict[str, Part]:
    """Return the parts that come with this tool, by name."""
    folder = files(__package__) / "parts"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name, _, suffix = file.name.partition(".")
        if suffix != "yaml":
            continue
        ((container, entry),) = yaml.safe_load(file.read_bytes())["services"].items()
        contents = {file.name: file.read_bytes(), **dict(_contents(folder / name, name))}
        condition = "service_healthy" if "healthcheck" in entry else "service_started"
        found[name] = Part(name, container, contents, int(entry["expose"][0]), condition)
    return found


def read_lock(workspace: Path) -> dict[str, Record]:
    """Return the records of the installed parts."""
    path = workspace / LOCK
    content = read(path)
    try:
        data = tomllib.loads((content or b"").decode())
        parts = data.get("parts", {}).items()
        return {name: record(name, said["version"], said["files"]) for name, said in parts}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FleetError(f"{path} is broken ({error}); restore or remove it") from error


def record(name: str, version: Any, digests: Any) -> Record:
    """Return a validated record."""
    if not NAME.fullmatch(name) or not isinstance(version, str) or not VERSION.fullmatch(version):
        raise ValueError(f"{name} has no version")
    for file, digest in digests.items():
        if not is_inside(file) or not DIGEST.fullmatch(digest):
            raise ValueError(f"{file} is not a file with its digest")
    return Record(version, dict(digests))


def lock(records: Mapping[str, Record]) -> bytes | None:
    """Return the content of the lock file, None if no part is installed."""
    lines = [LOCK_HEADER]
    for name, said in sorted(records.items()):
        lines.append(f'\n[parts.{name}]\nversion = "{said.version}"\n\n[parts.{name}.files]\n')
        lines += [f'"{file}" = "{digest}"\n' for file, digest in sorted(said.digests.items())]
    return "".join(lines).encode() if records else None


def order(version: str) -> list[int]:
    """Return a version as numbers, for comparison."""
    return [int(number) for number in re.findall(r"\d+", version)]


class Infrastructure:
    """The parts of one workspace: what is installed, and what is needed."""

    def __init__(self, workspace: Path, records: dict[str, Record], foreign: Iterable[str]) -> None:
        self.folder = workspace / FOLDER
        self.records = records
        self.parts = available()
        own = set(foreign)  # hand-written containers
        self.foreign = {name for name, part in self.parts.items() if part.container in own}

    def needs(self, containers: Iterable[str]) -> set[str]:
        """Return the parts that replace some of a service's own containers."""
        own = set(containers)
        return {name for name, part in self.parts.items() if part.container in own} - ALWAYS

    def plan(self, needed: set[str]) -> Plan:
        """Return the changes that give the workspace exactly the parts it needs."""
        plan = Plan()
        for name in sorted({*self.parts, *self.records}):
            part = self.parts.get(name)
            if part and name in needed and name not in self.foreign:
                self._install(plan, part)
            else:
                self._remove(plan, name, part.files if part else {})
        return plan

    def _install(self, plan: Plan, part: Part) -> None:
        recorded = self.records.get(part.name, Record("0", {}))
        if edited := self._edited(part.name, part.files):
            plan.notes.append(f"{edited} was edited, so it stays as it is")
            if part.name in self.records:
                plan.records[part.name] = recorded
        elif order(__version__) < order(recorded.version):
            plan.records[part.name] = recorded
        else:
            plan.changes |= {self.folder / file: None for file in recorded.digests}
            plan.changes |= {self.folder / file: text for file, text in part.files.items()}
            digests = {file: _digest(text) for file, text in part.files.items()}
            plan.records[part.name] = Record(__version__, digests)
        plan.containers[part.name] = self._container(plan, part)

    def _remove(self, plan: Plan, name: str, brought: dict[str, bytes]) -> None:
        recorded = self.records.get(name, Record("0", {}))
        if edited := self._edited(name, brought):
            plan.notes.append(f"{edited} was edited, so it stays; remove it if you don't need it")
        else:
            plan.changes |= dict.fromkeys(self.folder / file for file in recorded.digests)
            plan.changes |= dict.fromkeys(self.folder / file for file in brought)

    def _container(self, plan: Plan, part: Part) -> str:
        """Return the name of a part's container, which an edited file may have from before."""
        file = self.folder / f"{part.name}.yaml"
        content = plan.changes.get(file) or file.read_bytes()
        try:
            services = yaml.safe_load(content)["services"]
            return next(name for name in (part.container, part.name) if name in services)
        except (yaml.YAMLError, LookupError, TypeError, StopIteration) as error:
            raise FleetError(f"{file} defines no service {part.container}; restore it") from error

    def _edited(self, name: str, brought: dict[str, bytes]) -> Path | None:
        """Return a file of a part that differs from the recorded and from the current one."""
        recorded = self.records[name].digests if name in self.records else {}
        for file in sorted({*brought, *recorded}):
            content = read(self.folder / file)
            if content is None or content == brought.get(file):
                continue
            if file not in recorded or not _digest(content).startswith(recorded[file]):
                return self.folder / file
        return None


def host_port(part: Part, before: int | None, taken: set[int]) -> int:
    """Return a part's port on the host: the previous one if it is free, else the next free one."""
    if before is not None and before not in taken:
        return before
    return next(number for number in count(part.port) if number not in taken)


def _contents(folder: Traversable, prefix: str) -> Iterable[tuple[str, bytes]]:
    """Yield path and content of every file below a folder."""
    if folder.is_dir():
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            yield from _contents(entry, f"{prefix}/{entry.name}")
    elif folder.is_file():
        yield prefix, folder.read_bytes()


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
