"""What the services of a workspace have in common: the gateway, and what they need beside them.

A service brings each part that it needs, as `deploy/workspace/<part>.yaml` and the folder of that
name. It is copied to `platform/` with the first service, brought up to date by whichever has a newer
template, and goes with the last one. A part that people changed, or run themselves, is theirs.
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from compose_files import dependencies, extended, host_ports, variables
from yaml_edit import Document

FOLDER = "platform"

# It stands in front of the services, so none of them depends on it; what it opens is derived.
GATEWAY = "gateway"
ROUTES = "gateway/routes.conf"
ROUTES_HEAD = "# Made of services.yaml by `make register`; changes here do not last.\n"

# How a service finds the shared identity provider, and who it is there.
IDENTITY = "identity"
CREDENTIALS = {
    "AUTH_ISSUER": "http://identity:9000",
    "AUTH_CLIENT_ID": "{service}",
    "AUTH_CLIENT_SECRET": "development-only",
}


@dataclass(frozen=True)
class Part:
    """Something the services have in common, as one of them brings it."""

    files: dict[str, bytes]
    port: int
    condition: str

    @property
    def digests(self) -> dict[str, str]:
        """What its files are known by."""
        return {file: _digest(content) for file, content in self.files.items()}


@dataclass
class Plan:
    """What is to change: files, and entries in the registry and in the shared compose file."""

    files: dict[Path, bytes | None] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    records_gone: set[str] = field(default_factory=set)
    containers_gone: set[str] = field(default_factory=set)


def brought(folder: Path) -> dict[str, Part]:
    """Return the parts that a service brings in a folder."""
    parts = {}
    for file in sorted(folder.glob("*.yaml")):
        said = yaml.safe_load(file.read_text("utf-8"))["services"][file.stem]
        files = [file, *sorted(path for path in (folder / file.stem).rglob("*") if path.is_file())]
        parts[file.stem] = Part(
            {path.relative_to(folder).as_posix(): path.read_bytes() for path in files},
            int(said["expose"][0]),
            "service_healthy" if "healthcheck" in said else "service_started",
        )
    return parts


class Platform:
    """The parts that a workspace has, and what becomes of them."""

    def __init__(self, registry: Document, compose: Document, *taken: int) -> None:
        self.folder = registry.path.parent / FOLDER
        self.containers = compose.entries("services")
        self.taken = {*taken, *(host for host, _ in host_ports(compose.data))}
        self.versions: dict[str, str] = {}
        self.digests: dict[str, dict[str, str]] = {}
        for name, record in registry.entries(FOLDER).items():
            if isinstance(record, dict) and isinstance(record.get("files"), dict):
                self.versions[name] = str(record.get("version"))
                self.digests[name] = record["files"]

    def needs(self, service: str, parts: dict[str, Part], known: Any) -> dict[str, Any]:
        """Return what the service's entry in the shared compose file says about its parts."""
        behind = {
            name: {"condition": "service_started" if self._is_theirs(name) else part.condition}
            for name, part in parts.items()
            if name != GATEWAY
        }
        kept = dependencies(known).items()
        kept_behind = {name: said for name, said in kept if name not in self.versions}
        entry: dict[str, Any] = {"depends_on": kept_behind | behind} if behind else {}
        if IDENTITY in parts:
            own = {name: value.format(service=service) for name, value in CREDENTIALS.items()}
            entry["environment"] = variables(known) | own
        return entry

    def plan(
        self, parts: dict[str, Part], version: str, needed: set[str], services: Iterable[str]
    ) -> Plan:
        """Find out what has to change so that there is what the services need from now on."""
        plan = Plan()
        for name in sorted({*parts, *self.versions}):
            replaced = self._is_theirs(name)
            if name in parts and name in needed and not replaced:
                self._install(plan, name, parts[name], version)
            elif name not in needed or (replaced and name in self.versions):
                self._leave(plan, name, parts.get(name))
        if GATEWAY in needed and not self._is_theirs(GATEWAY):
            lines = (f"/{name} http://{name}:8000;\n" for name in sorted(services))
            plan.files[self.folder / ROUTES] = (ROUTES_HEAD + "".join(lines)).encode()
        return plan

    def _install(self, plan: Plan, name: str, part: Part, version: str) -> None:
        if changed := self._changed(name, part.digests):
            _say(f"{changed} is not as registration left it, so it stays as it is")
        elif _order(version) >= _order(self.versions.get(name, "")):
            plan.files |= {self.folder / file: None for file in self.digests.get(name, {})}
            plan.files |= {self.folder / file: content for file, content in part.files.items()}
            plan.records[name] = {"version": version, "files": part.digests}
        if name not in self.containers:
            port = next(port for port in count(part.port) if port not in self.taken)
            self.taken.add(port)
            plan.containers[name] = {
                "extends": {"file": f"{FOLDER}/{name}.yaml", "service": name},
                "ports": [f"127.0.0.1:{port}:{part.port}"],
            }

    def _leave(self, plan: Plan, name: str, part: Part | None) -> None:
        digests = part.digests if part else {}
        plan.records_gone.add(name)
        if not self._is_theirs(name):
            plan.containers_gone.add(name)
        if changed := self._changed(name, digests):
            _say(f"{changed} is not as registration left it, so it stays; remove it yourself")
            return
        files = {*digests, *self.digests.get(name, {}), *([ROUTES] if name == GATEWAY else [])}
        plan.files |= {self.folder / file: None for file in files}

    def _changed(self, name: str, digests: dict[str, str]) -> Path | None:
        """Return a file of a part that is neither as recorded nor as it would be now."""
        recorded = self.digests.get(name, {})
        for file in sorted({*digests, *recorded}):
            path = self.folder / file
            known = {digests.get(file), recorded.get(file)}
            if path.exists() and _digest(path.read_bytes()) not in known:
                return path
        return None

    def _is_theirs(self, name: str) -> bool:
        """Tell whether the workspace runs something of its own in a part's place."""
        entry = self.containers.get(name)
        return entry is not None and extended(entry) != f"{FOLDER}/{name}.yaml"


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _say(message: str) -> None:
    print(message, file=sys.stderr)
