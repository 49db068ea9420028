"""A TCP proxy in the test process that can go silent, like a network that loses every packet."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.servers.processes import free_port


class Proxy:
    """Forwards bytes to and from a port of this machine until it goes silent.

    While silent, it still accepts connections, discards what it reads, and closes nothing.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._silent = False
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _end(self._listener)
        self._hang_up()

    def fall_silent(self) -> None:
        """Forward nothing from now on."""
        self._silent = True

    def speak_again(self) -> None:
        """Forward new connections; close those made during the silence."""
        self._silent = False
        self._hang_up()  # including those that were just accepted

    def _hang_up(self) -> None:
        while self._sockets:
            _end(self._sockets.pop())

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                if not self._silent:
                    self._join(client)

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            _end(client)
            return
        server.settimeout(None)
        self._sockets.append(server)
        for ends in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                if not self._silent:
                    target.sendall(content)
        if not self._silent:
            _end(source)
            _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
