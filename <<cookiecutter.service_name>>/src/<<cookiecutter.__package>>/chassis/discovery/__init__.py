"""Service discovery: registering this process, and resolving the instances of peers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instance:
    """One address of a service."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """Return its base URL, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Resolver(Protocol):
    """Resolves a service's name to its healthy instances."""

    def instances(self, service: str) -> Sequence[Instance]:
        """Return them as last known; empty if there are none or no source has answered yet."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...
