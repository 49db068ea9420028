"""Service registries: their clients, and keeping an instance registered."""

from typing import Protocol


class Registrar(Protocol):
    """Registers one instance. Both methods may raise any error, and wait about a second."""

    name: str

    def register(self) -> None:
        """Register the instance, or renew its registration before it expires."""

    def deregister(self) -> None:
        """Remove the instance, if it is registered."""
