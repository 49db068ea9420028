"""Where others reach this process: what it tells a registry of itself."""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import Field

from ..environ import RoomSettings
from . import Instance

# What a process binds to that is to be reached on every interface, and where it reaches itself.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (recognised, not bound)


class Settings(RoomSettings):
    """How others reach this process, where that can't be seen from here."""

    address: str | None = Field(default=None, alias="ADVERTISE_ADDRESS")
    port: int | None = Field(default=None, ge=1, le=65535, alias="ADVERTISE_PORT")


@dataclass(frozen=True, slots=True)
class Advertised:
    """Where this process listens.

    Attributes:
        scheme: how it is called there, http or https.
        bound: the address it is bound to.
    """

    scheme: str
    bound: str
    port: int
    settings: Settings

    def seen_from(self, url: str) -> Instance:
        """Give the address by which this process is reached from the network of a server."""
        host = self.settings.address
        if host is None:
            host = _interface_towards(url) if self.bound in EVERYWHERE else self.bound
        return Instance(self.scheme, host, self.settings.port or self.port)


def _interface_towards(url: str) -> str:
    there = urlsplit(url)
    found = socket.getaddrinfo(there.hostname, there.port or 80, type=socket.SOCK_DGRAM)
    family, kind, _, _, target = found[0]
    with socket.socket(family, kind) as probe:
        probe.connect(target)  # sends nothing, but chooses the interface
        return str(probe.getsockname()[0])
