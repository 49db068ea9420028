"""A TCP proxy in the test process that can fall silent, as a network that loses every packet."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.servers.processes import free_port


class Proxy:
    """Passes bytes to and from a port of this machine until it falls silent.

    Silent, it goes on accepting connections, keeps what it reads to itself, and closes nothing.
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
        """Pass on nothing from now on."""
        self._silent = True

    def speak_again(self) -> None:
        """Pass on new connections; those that met silence are cut."""
        self._silent = False
        self._hang_up()  # also those that were accepted a moment ago

    def _hang_up(self) -> None:
        while self._sockets:
            _end(self._sockets.pop())

    def _accept(self) -> None:
        with suppress(OSError):  # the listener has been closed
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
