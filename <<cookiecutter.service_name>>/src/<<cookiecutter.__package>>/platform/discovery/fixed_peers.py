"""A peer at a fixed address, whatever discovery there is."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from . import Instance

_PORTS = {"http": 80, "https": 443}


class Fixed:
    """Gives one address for every name.

    Raises:
        ValueError: the text is no URL of a server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("is no address like http://host:8000.")
        self._instances = (
            Instance(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]),
        )

    def instances(self, service: str) -> Sequence[Instance]:  # noqa: ARG002 (it is the only one)
        """Give the address."""
        return self._instances

    def close(self) -> None:
        """Nothing is followed."""
