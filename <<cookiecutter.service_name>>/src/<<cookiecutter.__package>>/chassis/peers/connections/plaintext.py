"""Connections to peers without mutual TLS."""

from ...settings import Settings
from . import PlaintextPools


def pools(settings: Settings, size: int) -> PlaintextPools:  # noqa: ARG001 (the signature of every transport)
    """Return the connection pools of peers, `size` connections each."""
    return PlaintextPools(size)
