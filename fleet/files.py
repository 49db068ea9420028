"""Lock a workspace, and replace its files atomically.

A reader, or a kill at any moment, finds each file either old or new.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import FleetError

FOLDER = "platform"
SHARED = ("services.yaml", "compose.yaml", "compose.override.yaml", "catalog-info.yaml")

# New content by path, None for a file to remove, in the order in which files are put in place.
Changes = dict[Path, bytes | None]


def read(path: Path) -> bytes | None:
    """Return the content of a plain file, None if there is none."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise FleetError(f"{path} is not a plain file; put one there, or remove it")
    if not path.exists():
        return None
    if not os.access(path, os.R_OK | os.W_OK):
        raise FleetError(f"{path} cannot be read and written; chmod u+rw it")
    return path.read_bytes()


@contextmanager
def locked(workspace: Path) -> Iterator[None]:
    """Hold the lock of a workspace; it leaves no file behind."""
    folder = os.open(workspace, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        sweep(workspace)  # after a run that was killed
        yield
        os.fsync(folder)
    finally:
        sweep(workspace)
        os.close(folder)


def sweep(workspace: Path) -> None:
    """Remove prepared files that did not replace any file."""
    for path in [prepared(workspace / name) for name in SHARED]:
        path.unlink(missing_ok=True)
    sweep_below(workspace / FOLDER)


def sweep_below(folder: Path) -> None:
    """Remove prepared files below a folder, and the folders that become empty."""
    found = () if folder.is_symlink() else list(folder.rglob(prepared(Path("*")).name))
    for path in found:
        remove(path)


def write(changes: Changes, workspace: Path) -> None:
    """Put changed files in place one after the other, then remove files in reverse order."""
    for path in changes:
        check_plain(path, workspace)
    contents = {path: path.read_bytes() if path.exists() else None for path in changes}
    changed = {path: content for path, content in changes.items() if content != contents[path]}
    new = {path: content for path, content in changed.items() if content is not None}
    for path, content in new.items():
        _prepare(path, content)
    for path in new:
        prepared(path).replace(path)
    for path in reversed([path for path in changed if path not in new]):
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, and the folders that become empty."""
    path.unlink()
    for folder in path.parents:
        if folder.is_symlink() or any(folder.iterdir()):
            break
        folder.rmdir()


def prepared(path: Path) -> Path:
    """Return the place where new content of a file is prepared."""
    return path.with_name(f".{path.name}.new")


def check_plain(path: Path, workspace: Path) -> None:
    """Refuse symbolic links on the way to a path."""
    for folder in (path, *path.parents):
        if workspace.is_relative_to(folder):
            break
        if folder.is_symlink():
            raise FleetError(f"{folder} is a symbolic link; replace it by what it points to")


def _prepare(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with prepared(path).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        prepared(path).chmod(path.stat().st_mode)
