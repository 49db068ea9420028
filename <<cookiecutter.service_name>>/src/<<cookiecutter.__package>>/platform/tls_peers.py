"""Connections to peers over mutual TLS: each side knows the other by its SPIFFE ID."""

import ssl
from typing import Any

from cryptography import x509
from urllib3 import HTTPConnectionPool, PoolManager
from urllib3.connection import HTTPConnection

from .peers.connection import TlsConnection, TlsPool
from .peers.http import PlainPools, Pools
from .tls import spiffe
from .tls.files import Followed
from .tls.settings import TlsSettings


def pools(settings: TlsSettings, size: int) -> Pools:
    """Make the connections to peers, with TLS where the service does it."""
    return TlsPools(settings, size) if settings.enabled else PlainPools(size)


class TlsPools:
    """Connections that show our certificate, and want the peer's.

    New files mean new connections: those before are used for the requests that they carry, and
    then no more.
    """

    def __init__(self, settings: TlsSettings, size: int) -> None:
        self._followed = Followed(settings.files, ssl.PROTOCOL_TLS_CLIENT)
        self._trust_domain = settings.trust_domain
        self._size = size
        self._pools: dict[str, tuple[ssl.SSLContext, PoolManager]] = {}

    def pool(self, peer: str) -> PoolManager:
        """Give the pool of a peer, as the files are now."""
        context = self._followed.context()
        of, pool = self._pools.get(peer, (None, None))
        if pool is None or of is not context:
            pool = self._make(peer, context)
            self._pools[peer] = context, pool
        return pool

    def _make(self, peer: str, context: ssl.SSLContext) -> PoolManager:
        pool = PoolManager(
            num_pools=64, maxsize=self._size, ssl_context=context, assert_hostname=False
        )
        connection = {"peer": peer, "trust_domain": self._trust_domain}
        class_ = type("Connection", (_Connection,), connection)
        https = type("Pool", (TlsPool,), {"ConnectionCls": class_})
        pool.pool_classes_by_scheme = {"http": _NoPool, "https": https}
        return pool


class _NoConnection(HTTPConnection):
    """No registry, and no variable, can have a token sent to whoever shows no certificate."""

    def connect(self) -> None:
        """Refuse to."""
        raise ssl.SSLError(f"{self.host}: peers are called by https")


class _NoPool(HTTPConnectionPool):
    ConnectionCls = _NoConnection


class _Connection(TlsConnection):
    """A connection to one peer, whoever else the authorities have signed for."""

    peer: str
    trust_domain: str

    def connect(self) -> None:
        """Connect, and see who answered."""
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
