"""A reverse proxy in the test process that counts requests and can inject faults."""

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.support.servers.processes import free_port

PASS, RESET, CUT, HANG, REFUSE = "pass", "reset", "cut", "hang", "503"
# Closing the socket sends RST.
_NO_LINGER = struct.pack("ii", 1, 0)


class Faults:
    """A proxy in front of a service.

    Attributes:
        fault: the fate of the next request: PASS; RESET the connection after reading it;
            forward it and CUT the connection before the response; HANG for longer than any
            timeout; REFUSE with 503.
        seen: the number of requests by method.
        names: the names in the bodies of POST requests, counted.
    """

    def __init__(self, target: int, token: str) -> None:
        self.port = free_port()
        self.fault: Callable[[], str] = lambda: PASS
        self.seen: Counter[str] = Counter()
        self.bodies: Counter[bytes] = Counter()
        self.headers: list[dict[str, str]] = []
        self._target = target
        self._token = token
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """The address of the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        self._server = _Server(("127.0.0.1", self.port), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections and cut the existing ones."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with self._lock:
            for one in self._open:
                _reset(one)
            self._open.clear()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        faults = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with faults._lock:
                    faults._open.add(self.connection)

            def finish(self) -> None:
                with faults._lock:
                    faults._open.discard(self.connection)
                super().finish()

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with faults._lock:
                    faults.seen[self.command] += 1
                    faults.bodies[body] += 1
                    faults.headers.append(dict(self.headers.items()))
                    fault = faults.fault()
                faults._treat(self, body, fault)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _treat(self, handler: BaseHTTPRequestHandler, body: bytes, fault: str) -> None:
        if fault == HANG:
            time.sleep(60)
        if fault == REFUSE:
            _answer(handler, 503, b"{}")
            return
        if fault in {PASS, CUT}:
            status, content = self._pass_on(handler, body)
        if fault == PASS:
            _answer(handler, status, content)
            return
        handler.close_connection = True
        _reset(handler.connection)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self._target, timeout=10)
        headers = {name: text for name, text in handler.headers.items() if name != "Host"}
        headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(handler.command, handler.path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore broken connections, which these tests provoke."""


def _answer(handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def _reset(one: socket.socket) -> None:
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    except OSError:
        pass


def at_random(*faults: str, seed: int = 1) -> Callable[[], str]:
    """Return a function that chooses faults at random, the same in every run."""
    lot = random.Random(seed)  # noqa: S311
    return lambda: lot.choice(faults)
