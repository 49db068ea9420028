"""HTTP to one instance: kept connections, and bounded waits."""

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from ..context import TIMEOUT_HEADER
from ..discovery import Instance
from .connections import Pools
from .messages import ConnectionFailed, Request, Response, UnexpectedAnswer

_CHUNK_BYTES = 64 * 1024
_MAX_BODY_BYTES = 16 * 1024 * 1024


class TooLargeError(Exception):
    """The response body exceeds the limit."""


class HttpExchange:
    """Exchanges with the instances of one peer over HTTP."""

    def __init__(self, peer: str, pools: Pools) -> None:
        self._peer = peer
        self._pools = pools

    def send(self, instance: Instance, request: Request, timeout: float) -> Response:
        """Send a request once: nothing is retried or redirected here."""
        try:
            return send(self._pools.pool(self._peer), instance, request, timeout)
        except TooLargeError as error:
            raise UnexpectedAnswer(self._peer, str(error)) from error


def send(pool: PoolManager, instance: Instance, request: Request, timeout: float) -> Response:
    """Send a request once: nothing is retried or redirected here.

    The remaining time is sent along, so that the peer bounds its own calls by it.

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
            found.close()  # the next request would read the rest of the response
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
