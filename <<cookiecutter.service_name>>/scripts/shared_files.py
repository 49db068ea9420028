"""The files that a workspace's services share: read, locked, and put in place whole.

Whoever reads them meanwhile, or kills the process, finds each file old or new.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infrastructure import FOLDER
from yaml_edit import Document

# A file begins as this with the first service, and goes when the last service leaves it so.
SKELETONS = {
    "services.yaml": """\
# The services of this workspace, each entered by its own `make register`. That writes the keys it
# knows; other keys, comments and entries are yours.
services:
""",
    "compose.yaml": """\
# All services of this workspace and what they need, each entered by its own `make register`. That
# writes the keys it knows; other keys, comments and entries are yours.
services:
""",
    "catalog-info.yaml": """\
# Leads Backstage to the services of this workspace, each entered by its own `make register`.
apiVersion: backstage.io/v1alpha1
kind: Location
metadata:
  name: services
  description: The services of this workspace
spec:
  targets:
""",
}


class WorkspaceError(Exception):
    """The service cannot be registered; the message says why and what to do."""


def shared(workspace: Path) -> tuple[Document, Document, Document]:
    """Read the registry, the compose file and the catalog, as they are or as they would begin."""
    documents = []
    for name, skeleton in SKELETONS.items():
        path = workspace / name
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise WorkspaceError(f"{path} is no plain file; put one there, or remove it")
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise WorkspaceError(f"{path} cannot be read and written; chmod u+rw it")
        content = path.read_bytes() if path.exists() else skeleton.encode()
        documents.append(Document(path, content))
    registry, compose, catalog = documents
    return registry, compose, catalog


@contextmanager
def locked(workspace: Path) -> Iterator[None]:
    """Let one registration at a time at the workspace; the lock leaves no file."""
    folder = os.open(workspace, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        sweep(workspace)  # of a run that was killed
        yield
        os.fsync(folder)
    finally:
        sweep(workspace)
        os.close(folder)


def sweep(workspace: Path) -> None:
    """Remove what is still under way."""
    for path in [under_way(workspace / name) for name in SKELETONS]:
        path.unlink(missing_ok=True)
    for path in list((workspace / FOLDER).rglob(under_way(Path("*")).name)):
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, and the folders that it leaves empty."""
    path.unlink()
    for folder in path.parents:
        if folder.is_symlink() or any(folder.iterdir()):
            break
        folder.rmdir()


def under_way(path: Path) -> Path:
    """Return where the new content of a shared file is prepared."""
    return path.with_name(f".{path.name}.new")


def write(files: dict[Path, bytes | None], *documents: Document) -> None:
    """Put the changed files in place: whoever reads or kills meanwhile, each is old or new."""
    for document in documents:
        if (content := document.result()) != document.content:
            empty = content == SKELETONS[document.path.name].encode()
            files[document.path] = None if empty else content
    contents = {path: path.read_bytes() if path.exists() else None for path in files}
    changed = {path: content for path, content in files.items() if content != contents[path]}
    new = {path: content for path, content in changed.items() if content is not None}
    for path, content in new.items():
        prepare(path, content)
    for path in new:
        under_way(path).replace(path)
    for path in reversed([path for path in changed if path not in new]):
        remove(path)


def prepare(path: Path, content: bytes) -> None:
    """Write a file's new content beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with under_way(path).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        under_way(path).chmod(path.stat().st_mode)
