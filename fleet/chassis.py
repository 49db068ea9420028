"""The chassis that this tool contains, and the lock file of a service's copy."""

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from . import FleetError
from .service import VERSION, is_inside

LOCK = "chassis.lock"

# The form of `sha256sum`, which ignores lines that begin with #.
HEAD = re.compile(r"# (version|parts): ?(.*)")
WORD = re.compile(r"[a-z][a-z0-9_]*")
LINE = re.compile(r"([0-9a-f]{64})  (\S+)")

# In a checkout of the template; an installation has a copy in the package.
SOURCE = "<<cookiecutter.service_name>>/src/<<cookiecutter.__package>>/chassis"


@dataclass(frozen=True)
class Chassis:
    """The chassis: every file, and the words that mark options."""

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
    """The content of a service's lock file; paths are relative to the service."""

    version: str
    parts: tuple[str, ...]
    digests: dict[str, str]

    def text(self) -> bytes:
        """Return the content of the lock file."""
        folder = next(iter(self.digests), "").partition("/chassis/")[0] + "/chassis"
        lines = [
            f"# {folder} as the template made it; `make lint` compares.",
            f"# version: {self.version}",
            f"# parts: {' '.join(sorted(self.parts))}".rstrip(),
            *(f"{digest}  {path}" for path, digest in sorted(self.digests.items())),
        ]
        return "".join(f"{line}\n" for line in lines).encode()


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
        return _lock(path.read_text("utf-8").splitlines())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FleetError(f"{path} is broken ({error}); restore it") from error


def spelled(name: str) -> str:
    """Return a name as lower-case words with _ before, between and after them."""
    return "_" + re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") + "_"


def _lock(lines: list[str]) -> Lock:
    heads = {match[1]: match[2] for line in lines if (match := HEAD.fullmatch(line))}
    version, parts = heads["version"], heads["parts"].split()
    if not VERSION.fullmatch(version) or not all(map(WORD.fullmatch, parts)):
        raise ValueError("version or parts have another form")
    digests = {}
    for line in lines:
        if line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if not match or not is_inside(match[2]):
            raise ValueError(f"{line[:80]!r} is not a SHA-256 and a file")
        digests[match[2]] = match[1]
    return Lock(version, tuple(parts), digests)


def _contents(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            found |= _contents(entry, f"{prefix}{entry.name}/")
        elif entry.is_file():
            found[f"{prefix}{entry.name}"] = entry.read_bytes()
    return found
