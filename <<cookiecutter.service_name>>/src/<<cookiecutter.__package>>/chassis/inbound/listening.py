"""The addresses a process listens on, and whether they are free."""

import socket
from dataclasses import dataclass

from ..settings import SettingsError


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the process serves its API, and where health and metrics."""

    host: str
    scheme: str
    port: int
    health_port: int

    def check(self) -> None:
        """Raise SettingsError if a port is taken or the host is not local."""
        problems = []
        for port in sorted({self.port, self.health_port}):
            try:
                _bind(self.host, port)
            except socket.gaierror:
                problems.append(f"HOST: {self.host} is not an IP address")
            except OSError as error:
                remedy = "stop what listens there, or choose another HOST or port"
                problems.append(f"{self.host}:{port}: {error.strerror}; {remedy}")
        if problems:
            raise SettingsError(problems)


def _bind(host: str, port: int) -> None:
    # The server takes no host names.
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, kind, _, _, address = found[0]
    with socket.socket(family, kind) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        sock.bind(address)
