"""HTTP to one instance: kept connections, and an end to every wait."""

from typing import Protocol

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from ..discovery import Instance
from ..limits import TIMEOUT_HEADER
from .connection import Pool, TlsPool
from .messages import ConnectionFailed, Request, Response

_CHUNK_BYTES = 64 * 1024
_MAX_BODY_BYTES = 16 * 1024 * 1024


class TooLargeError(Exception):
    """The peer answers with more than anybody wants to hold."""


class Pools(Protocol):
    """Gives the connections to a peer."""

    def pool(self, peer: str) -> PoolManager:
        """Give the pool whose connections are made as this peer wants them now."""
        ...


class PlainPools:
    """Connections without TLS, shared by all peers."""

    def __init__(self, size: int) -> None:
        self._pool = PoolManager(num_pools=64, maxsize=size)
        self._pool.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    def pool(self, peer: str) -> PoolManager:  # noqa: ARG002 (they are all the same)
        """Give the one pool."""
        return self._pool


def send(pool: PoolManager, instance: Instance, request: Request, timeout: float) -> Response:
    """Send a request once: nothing is retried or redirected here.

    The peer is told how long it has: whatever it calls in turn gets what is left of that.

    Raises:
        ConnectionFailed: there was no whole response within `timeout` seconds.
        TooLargeError: there is too much of it.
    """
    try:
        found = pool.request(
            request.method,
            instance.url + request.target,
            headers={**request.headers, TIMEOUT_HEADER: str(max(1, int(timeout * 1000)))},
            body=request.body,
            timeout=Timeout(total=timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            body = _read(found)
        except BaseException:
            found.close()  # what is left of the response would meet the next request
            raise
        found.release_conn()
    except (HTTPError, OSError) as error:
        raise ConnectionFailed(f"{type(error).__name__}: {error}") from error
    headers = {name.lower(): value for name, value in found.headers.items()}
    return Response(found.status, headers, body)


def _read(response: BaseHTTPResponse) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise TooLargeError(f"with more than {_MAX_BODY_BYTES} bytes")
    return bytes(body)
