"""Where services are found: their instances, each an address that answers."""

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
        """Give its base URL, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Directory(Protocol):
    """Knows the healthy instances of services."""

    def instances(self, service: str) -> Sequence[Instance]:
        """Give them as last known; empty when there are none or nobody could be asked yet."""
        ...

    def close(self) -> None:
        """Stop following them."""
        ...
