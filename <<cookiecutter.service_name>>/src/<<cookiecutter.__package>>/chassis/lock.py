"""Verify the vendored chassis against `chassis.lock`: `python -m PACKAGE.chassis.lock`.

The lock lists the version and the SHA-256 of every file, as the template rendered them.
"""

import sys
import tomllib
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent
LOCK = Path("chassis.lock")


def problems(folder: Path, lock: Path) -> list[str]:
    """Return a line for every file that is not as locked."""
    locked: dict[str, str] = tomllib.loads(lock.read_text("utf-8"))["files"]
    present = {
        file.relative_to(folder).as_posix(): sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*.py")
    }
    kinds = {
        "edited": [name for name in locked if present.get(name, locked[name]) != locked[name]],
        "missing": [name for name in locked if name not in present],
        "not part of the chassis": [name for name in present if name not in locked],
    }
    return [f"{folder / name}: {kind}" for kind, names in kinds.items() for name in sorted(names)]


def main() -> None:
    """Report every file that differs from the lock, and exit with status 1."""
    found = problems(FOLDER, LOCK)
    if found:
        remedy = "An update replaces the chassis: move the change to your own code, or undo it."
        sys.exit("\n".join([*found, remedy]))


if __name__ == "__main__":
    main()
