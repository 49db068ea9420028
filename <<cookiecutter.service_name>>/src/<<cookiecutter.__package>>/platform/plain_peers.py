"""Connections to peers without TLS: the mesh around both has it."""

from .peers.http import PlainPools, Pools
from .plain import Settings


def pools(settings: Settings, size: int) -> Pools:  # noqa: ARG001 (that of services with TLS)
    """Make the connections to peers."""
    return PlainPools(size)
