"""Service discovery of peers, one module for each source."""

from collections.abc import Sequence
from typing import Protocol

from .. import Instance


class Resolver(Protocol):
    """Resolves a service's name to its healthy instances."""

    def instances(self, service: str) -> Sequence[Instance]:
        """Return them as last known; empty if there are none or no source has answered yet."""

    def close(self) -> None:
        """Stop watching."""
