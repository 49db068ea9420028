"""Resolution to a fixed address, in place of service discovery."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from .. import Instance

_PORTS = {"http": 80, "https": 443}


class FixedResolver:
    """Resolves every name to one address.

    Raises:
        ValueError: the text is not the URL of a server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("is not an address like http://host:8000.")
        self._instances = (Instance(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]),)

    def instances(self, service: str) -> Sequence[Instance]:  # noqa: ARG002 (it is the only one)
        """Return the address."""
        return self._instances

    def close(self) -> None:
        """Do nothing: nothing is watched."""
