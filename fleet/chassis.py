"""The chassis that this tool brings, and the lock file of a service's copy."""

import json
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from . import FleetError
from .infrastructure import DIGEST
from .service import NAME, VERSION, is_inside

LOCK = "chassis.lock"
LOCK_HEADER = (
    "# The chassis in this service: its version, its parts, and the SHA-256 of each file.\n"
)

# In a checkout of the template; an installation has a copy in the package.
SOURCE = "<<cookiecutter.service_name>>/src/<<cookiecutter.__package>>/chassis"


@dataclass(frozen=True)
class Chassis:
    """The technology that services carry a copy of: every file, and the words that mark options."""

    files: dict[str, bytes]
    rooms: tuple[str, ...]

    def chosen(self, parts: set[str]) -> dict[str, bytes]:
        """Return the files whose paths name no option outside of these parts."""
        absent = [spelled(room) for room in self.rooms if room not in parts]
        return {
            path: content
            for path, content in self.files.items()
            if not any(room in spelled(word) for word in path.split("/") for room in absent)
        }


@dataclass(frozen=True)
class Lock:
    """What a service's lock file says; paths are relative to the service."""

    version: str
    parts: tuple[str, ...]
    digests: dict[str, str]

    def text(self) -> bytes:
        """Return the content of the lock file."""
        parts = ", ".join(f'"{part}"' for part in sorted(self.parts))
        lines = [LOCK_HEADER, f'version = "{self.version}"\nparts = [{parts}]\n\n[files]\n']
        lines += [f'"{path}" = "{digest}"\n' for path, digest in sorted(self.digests.items())]
        return "".join(lines).encode()


def brought() -> Chassis:
    """Return the chassis that comes with this tool."""
    package = files(__package__)
    template = Path(str(package)).parent
    folder: Traversable = package / "_chassis"
    manifest: Traversable = package / "cookiecutter.json"
    if not folder.is_dir():
        folder, manifest = template / SOURCE, template / "cookiecutter.json"
    if not folder.is_dir():
        remedy = "run it from the template: uvx --from <repository> fleet upgrade"
        raise FleetError(f"this copy of the fleet tool has no chassis; {remedy}")
    rooms = json.loads(manifest.read_text("utf-8"))["_rooms"]
    return Chassis(_contents(folder, ""), tuple(rooms))


def read_lock(path: Path) -> Lock:
    """Read and validate a lock file."""
    if path.is_symlink() or not path.is_file():
        raise FleetError(
            f"{path} is missing; update the service from the template once (cruft update)"
        )
    try:
        return _lock(tomllib.loads(path.read_text("utf-8")))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FleetError(f"{path} is broken ({error}); restore it") from error


def spelled(name: str) -> str:
    """Return a name as lower-case words with _ before, between and after them."""
    return "_" + re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") + "_"


def _lock(data: dict[str, Any]) -> Lock:
    version, parts, digests = data["version"], data["parts"], data["files"]
    if not VERSION.fullmatch(version) or not all(map(NAME.fullmatch, parts)):
        raise ValueError("version or parts have another form")
    for path, digest in digests.items():
        if not is_inside(path) or not DIGEST.fullmatch(digest):
            raise ValueError(f"{path} is not a file with its digest")
    return Lock(version, tuple(parts), dict(digests))


def _contents(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            found |= _contents(entry, f"{prefix}{entry.name}/")
        elif entry.is_file():
            found[f"{prefix}{entry.name}"] = entry.read_bytes()
    return found
