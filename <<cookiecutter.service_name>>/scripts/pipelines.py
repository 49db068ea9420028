"""Put this service's pipeline where its vendor looks for it, in a repository of many services.

A vendor reads pipelines at the top of a repository only. What is put there is made of this
service's own files, and its first line says so; a file without that line is never touched.
"""

import sys
from pathlib import Path

import pipeline_<< cookiecutter.ci >> as vendor

Changes = dict[Path, bytes | None]


class PipelineError(Exception):
    """The pipeline cannot be placed; the message says why and what to do."""


def placing(root: Path, name: str) -> Changes:
    """Return what the files at the top have to be, None for those that have to go."""
    top = repository(root)
    if top is None:
        return {}
    path = root.relative_to(top).as_posix()
    files = {
        top / place: (mark(path) + text).encode()
        for place, text in vendor.files(root, name, path).items()
    }
    mine = own(top, name, path)
    for file in files:
        if file.exists() and file not in mine:
            raise PipelineError(f"{file} is here already, and not from {path}; rename or remove it")
    return {**dict.fromkeys(mine), **files, **shared(top)}


def withdrawal(root: Path, name: str) -> Changes:
    """Return what has to go from the top: this service's files, and with the last ones the shared."""
    top = repository(root)
    if top is None:
        return {}
    mine = own(top, name, root.relative_to(top).as_posix())
    others = set(top.glob(vendor.PLACE.format(name="*"))) - mine
    ours = {top / place for place, text in vendor.SHARED.items() if read(top / place) == text}
    return dict.fromkeys(mine if others else mine | ours)


def repository(root: Path) -> Path | None:
    """Return the top of the repository that the service is a folder of."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    return None if top == root else top


def mark(path: str) -> str:
    """Return the first line of the files that are the service's own."""
    return f"# Made of {path}/: change it there, and run `make register`.\n"


def own(top: Path, name: str, path: str) -> set[Path]:
    """Return the files at the top that are the service's own."""
    return {
        file
        for file in top.glob(vendor.PLACE.format(name=name))
        if read(file).startswith(mark(path))
    }


def shared(top: Path) -> Changes:
    """Return the files that lead the vendor to the services' own, where they are missing."""
    for place in vendor.SHARED:
        if (top / place).exists() and vendor.LEADS not in read(top / place):
            print(
                f"{top / place} runs no service's pipeline; include {vendor.LEADS}", file=sys.stderr
            )
    return {
        top / place: text.encode()
        for place, text in vendor.SHARED.items()
        if not (top / place).exists()
    }


def read(file: Path) -> str:
    """Return a file's text, nothing of one that is not there."""
    return file.read_text("utf-8") if file.is_file() else ""
