"""Connections to peers, one module for each transport."""

from typing import Protocol

from urllib3 import PoolManager

from .pool import Pool, TlsPool


class Pools(Protocol):
    """The connection pools of peers."""

    def pool(self, peer: str) -> PoolManager:
        """Return the pool for connections to this peer, as they have to be made now."""


class PlaintextPools:
    """Connections without mutual TLS; one pool serves all peers."""

    def __init__(self, size: int) -> None:
        self._pool = PoolManager(num_pools=64, maxsize=size)
        self._pool.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    def pool(self, peer: str) -> PoolManager:  # noqa: ARG002 (all peers share it)
        """Return the one pool."""
        return self._pool
