"""Place a service's pipeline in a repository of many services.

CI providers read pipelines only at the top of a repository. Placed files are derived from the
service's own files and start with a line that says so; a file without that line is never changed.
"""

from pathlib import Path

from .. import FleetError
from ..files import Changes
from . import github, gitlab
from .provider import Provider

PROVIDERS = (github.PROVIDER, gitlab.PROVIDER)


def placing(root: Path, name: str) -> Changes:
    """Return the new content of a service's files at the top, None for files to remove."""
    top = repository(root)
    if top is None:
        return {}
    path = root.relative_to(top).as_posix()
    changes: Changes = {}
    for provider in PROVIDERS:
        files = {
            top / place: (mark(path) + text).encode()
            for place, text in provider.files(root, name, path).items()
        }
        mine = own(provider, top, name, path)
        for file in files:
            if file.exists() and file not in mine:
                problem = f"{file} is here already, and not from {path}"
                raise FleetError(f"{problem}; rename or remove it")
        changes |= {**dict.fromkeys(mine), **files, **(missing(provider, top) if files else {})}
    return changes


def notes(root: Path, name: str) -> list[str]:
    """Return what the user must do so that the placed files are used."""
    top = repository(root)
    return [
        f"{top / place} runs no service's pipeline; include {provider.leads}"
        for provider in PROVIDERS
        if top and provider.files(root, name, "")
        for place in provider.shared
        if (top / place).exists() and provider.leads not in read(top / place)
    ]


def withdrawal(root: Path, name: str) -> Changes:
    """Return the files to remove from the top; with the last service, the shared ones too."""
    top = repository(root)
    if top is None:
        return {}
    changes: Changes = {}
    for provider in PROVIDERS:
        mine = own(provider, top, name, root.relative_to(top).as_posix())
        others = set(top.glob(provider.place.format(name="*"))) - mine
        ours = {top / place for place, text in provider.shared.items() if read(top / place) == text}
        changes |= dict.fromkeys(mine if others else mine | ours)
    return changes


def repository(root: Path) -> Path | None:
    """Return the top of the repository that contains a service."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    return None if top == root else top


def mark(path: str) -> str:
    """Return the first line of the files that are a service's own."""
    return f"# Made of {path}/: change it there, and run `make register`.\n"


def own(provider: Provider, top: Path, name: str, path: str) -> set[Path]:
    """Return the files at the top that are a service's own."""
    return {
        file
        for file in top.glob(provider.place.format(name=name))
        if read(file).startswith(mark(path))
    }


def missing(provider: Provider, top: Path) -> Changes:
    """Return the missing files that make a provider read the services' own."""
    return {
        top / place: text.encode()
        for place, text in provider.shared.items()
        if not (top / place).exists()
    }


def read(file: Path) -> str:
    """Return the text of a file, nothing if it is missing."""
    return file.read_text("utf-8") if file.is_file() else ""
