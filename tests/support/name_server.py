"""A name server in the test process, like Docker's for the services of a workspace."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_HEADER = 12
_FOUND, _UNKNOWN = b"\x81\x80", b"\x81\x83"
_POINTER, _ADDRESS = (
    b"\xc0\x0c",
    b"\x00\x01\x00\x01",
)  # pointer to the queried name; type A, class IN
_SECONDS = b"\x00\x00\x00\x01"


class Names:
    """Returns the configured addresses; other names do not exist."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):  # the socket was closed
            while True:
                query, sender = self._socket.recvfrom(512)
                if query:
                    self._socket.sendto(self._answer(query), sender)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], _HEADER
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode())
            at += 1 + length
        question = query[_HEADER : at + 5]
        address = self.known.get(".".join(labels))
        if address is None:
            return query[:2] + _UNKNOWN + bytes([0, 1, 0, 0, 0, 0, 0, 0]) + question
        record = _POINTER + _ADDRESS + _SECONDS + b"\x00\x04" + socket.inet_aton(address)
        return query[:2] + _FOUND + bytes([0, 1, 0, 1, 0, 0, 0, 0]) + question + record
