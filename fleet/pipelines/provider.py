"""The differences between CI providers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Provider:
    """A CI provider.

    Attributes:
        place: the pattern of a service's files at the top, with its name to fill in.
        leads: how a shared file names the services' own.
        shared: files that lead to the services' own, by place.
        files: returns a service's files by their place at the top, for its folder, name and path;
            none if it uses another provider.
    """

    place: str
    leads: str
    shared: dict[str, str]
    files: Callable[[Path, str, str], dict[str, str]]
