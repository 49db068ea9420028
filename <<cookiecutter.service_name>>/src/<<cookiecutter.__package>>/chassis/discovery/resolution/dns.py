"""Resolution by DNS: the orchestrator names every service and balances behind the name."""

from collections.abc import Sequence

from ...settings import Settings
from .. import Instance


class DnsResolver:
    """Resolves a service to its own name, at the port of every service."""

    def __init__(self, scheme: str, port: int) -> None:
        self._scheme = scheme
        self._port = port

    def instances(self, service: str) -> Sequence[Instance]:
        """Return the one address that DNS resolves."""
        return (Instance(self._scheme, service, self._port),)

    def close(self) -> None:
        """Do nothing: nothing is watched."""


def resolver(settings: Settings, endpoint: tuple[str, int]) -> DnsResolver:  # noqa: ARG001 (every resolver's signature)
    """Return the resolver of peers; `endpoint` is the scheme and the port of every service."""
    return DnsResolver(*endpoint)
