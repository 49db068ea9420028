"""Where others reach this process: what it tells a registry of itself."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import Field

from ..environ import RoomSettings
from . import Instance

# What a process binds to that is to be reached on every interface, and where it reaches itself.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (recognised, not bound)


class Settings(RoomSettings):
    """How others reach this process, where that can't be seen from here."""

    address: str | None = Field(
        default=None, pattern="^([0-9A-Za-z.-]+|[0-9A-Fa-f:.]+)$", alias="ADVERTISE_ADDRESS"
    )
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
        """Give the address by which this process is reached from the network of a server.

        Raises:
            ValueError: it has to be given, since only this machine is reached that way.
            OSError: there is no way to that server now.
        """
        host = self.settings.address or self.bound
        if host in EVERYWHERE:
            host = _interface_towards(url)
            # Whoever is told that would call itself.
            if self.settings.environment == "production" and ip_address(host).is_loopback:
                raise ValueError(f"ADVERTISE_ADDRESS is needed, since {url} is on this machine")
        return Instance(self.scheme, host, self.settings.port or self.port)


def _interface_towards(url: str) -> str:
    there = urlsplit(url)
    found = socket.getaddrinfo(there.hostname, there.port or 80, type=socket.SOCK_DGRAM)
    family, kind, _, _, target = found[0]
    with socket.socket(family, kind) as probe:
        probe.connect(target)  # sends nothing, but chooses the interface
        return str(probe.getsockname()[0])
