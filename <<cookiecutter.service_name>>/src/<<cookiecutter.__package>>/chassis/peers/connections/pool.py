"""Connections with a time limit for connecting, and one for the whole response.

By default resolving a name is not bounded, the time limit applies to each of its addresses alone,
and a response that arrives slowly can take forever.
"""

import io
import socket
import threading
import time
from http.client import HTTPResponse
from queue import Empty, SimpleQueue
from typing import Any, cast

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

Options = list[tuple[int, int, int | bytes]]

_LONGEST_SECONDS = 60.0  # without a timeout of the caller


class _Incoming(io.RawIOBase):
    """Data arriving at a socket, within the timeout that it has at first."""

    def __init__(self, sock: socket.socket, arriving: io.RawIOBase) -> None:
        self._sock = sock
        self._arriving = arriving
        self._until = time.monotonic() + (sock.gettimeout() or _LONGEST_SECONDS)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._until))
        return cast("int | None", self._arriving.readinto(buffer))

    def close(self) -> None:
        self._arriving.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Incoming(sock, self.fp.detach()))


class Connection(HTTPConnection):
    """A connection without TLS."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        until = time.monotonic() + (self.timeout or _LONGEST_SECONDS)
        try:
            addresses = _resolve(self._dns_host, self.port, _left(until))
            sock = _connect(addresses, self.port, until, self.socket_options)
            sock.settimeout(_left(until))  # for TLS, which comes next
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"Cannot connect to {self.host}: {error}") from error
        return sock


class TlsConnection(Connection, HTTPSConnection):
    """A connection with TLS."""


class Pool(HTTPConnectionPool):
    """Connections without TLS to one address."""

    ConnectionCls = Connection


class TlsPool(HTTPSConnectionPool):
    """Connections with TLS to one address."""

    ConnectionCls = TlsConnection


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host, the preferred one last, within a time limit."""
    answer: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put([str(address[0]) for *_, address in reversed(found)])
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    try:
        addresses = answer.get(timeout=seconds)
    except Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(addresses, Exception):
        raise addresses
    return addresses


def _connect(addresses: list[str], port: int, until: float, options: Options | None) -> socket.socket:
    while True:
        address = addresses.pop()
        # The remaining addresses share the rest of the time.
        share = _left(until) / (len(addresses) + 1)
        try:
            return create_connection((address, port), share, socket_options=options)
        except OSError:
            if not addresses:
                raise


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time is left")
    return left
