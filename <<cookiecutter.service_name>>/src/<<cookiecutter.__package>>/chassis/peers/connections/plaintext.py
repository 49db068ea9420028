"""Connections to peers without mutual TLS."""

from ...settings import Settings
from . import PlaintextPools


def pools(settings: Settings, size: int) -> PlaintextPools:  # noqa: ARG001 (mtls has the same signature)
    """Return the connection pools of peers, `size` connections each."""
    return PlaintextPools(size)
