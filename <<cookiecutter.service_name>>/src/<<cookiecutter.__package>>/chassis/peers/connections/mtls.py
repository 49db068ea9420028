"""Connections to peers over mutual TLS: each side verifies the other's SPIFFE ID."""

import ssl
from typing import Any

from cryptography import x509
from urllib3 import HTTPConnectionPool, PoolManager
from urllib3.connection import HTTPConnection

from ...mtls import MtlsSettings, ReloadingContext, spiffe
from ...settings import Settings
from . import PlaintextPools, Pools
from .pool import TlsConnection, TlsPool


def pools(settings: Settings, size: int) -> Pools:
    """Return the connection pools of peers, `size` connections each."""
    tls = settings[MtlsSettings]
    return MtlsPools(tls, size) if tls.enabled else PlaintextPools(size)


class MtlsPools:
    """Connections with a certificate on both sides.

    New files mean new connections; existing ones finish the requests they carry.
    """

    def __init__(self, settings: MtlsSettings, size: int) -> None:
        self._context = ReloadingContext(settings.files, ssl.PROTOCOL_TLS_CLIENT)
        self._trust_domain = settings.trust_domain
        self._size = size
        self._pools: dict[str, tuple[ssl.SSLContext, PoolManager]] = {}

    def pool(self, peer: str) -> PoolManager:
        """Return the pool of a peer, for the current files."""
        context = self._context.current()
        of, pool = self._pools.get(peer, (None, None))
        if pool is None or of is not context:
            pool = self._make(peer, context)
            self._pools[peer] = context, pool
        return pool

    def _make(self, peer: str, context: ssl.SSLContext) -> PoolManager:
        pool = PoolManager(num_pools=64, maxsize=self._size, ssl_context=context, assert_hostname=False)
        connection = {"peer": peer, "trust_domain": self._trust_domain}
        class_ = type("Connection", (_Connection,), connection)
        https = type("Pool", (TlsPool,), {"ConnectionCls": class_})
        pool.pool_classes_by_scheme = {"http": _NoPool, "https": https}
        return pool


class _NoConnection(HTTPConnection):
    """Refuses plain HTTP: a token must not be sent to a peer without a certificate."""

    def connect(self) -> None:
        """Raise SSLError."""
        raise ssl.SSLError(f"{self.host}: peers are called over HTTPS only")


class _NoPool(HTTPConnectionPool):
    ConnectionCls = _NoConnection


class _Connection(TlsConnection):
    """A connection to one peer; other certificates of the same authorities are rejected."""

    peer: str
    trust_domain: str

    def connect(self) -> None:
        """Connect, and verify the peer's name."""
        super().connect()
        try:
            self._check()
        except ValueError as error:
            self.close()
            raise ssl.SSLCertVerificationError(f"{self.host}: the certificate {error}") from error

    def _check(self) -> None:
        sock: Any = self.sock
        found = spiffe.read(x509.load_der_x509_certificate(sock.getpeercert(True)))
        if (found.trust_domain, found.service) != (self.trust_domain, self.peer):
            raise ValueError(f"is that of {found}, not of {self.peer} in {self.trust_domain}")
