"""The address that this process registers, under which others reach it."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import Field

from ...settings import ExtensionSettings
from .. import Instance

# Addresses that mean every interface, and the loopback address under which they answer.
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (recognised, not bound)


class AddressSettings(ExtensionSettings):
    """The registered address, where the process cannot determine it."""

    address: str | None = Field(
        default=None, pattern="^([0-9A-Za-z.-]+|[0-9A-Fa-f:.]+)$", alias="ADVERTISE_ADDRESS"
    )
    """Address under which others reach this process. Default: that of the interface towards the
    registry."""
    port: int | None = Field(default=None, ge=1, le=65535, alias="ADVERTISE_PORT")
    """Port under which others reach this process. Default: the one it listens on."""


@dataclass(frozen=True, slots=True)
class AdvertisedAddress:
    """The address that this process registers; `bound` is where it listens."""

    bound: Instance
    settings: AddressSettings

    def seen_from(self, url: str) -> Instance:
        """Return the address under which the network of a server reaches this process.

        Raises:
            ValueError: ADVERTISE_ADDRESS is needed, since only a loopback address was found.
            OSError: there is no route to that server now.
        """
        host = self.settings.address or self.bound.host
        if host in WILDCARDS:
            host = _interface_towards(url)
            # A loopback address would lead other machines to themselves.
            if self.settings.environment == "production" and ip_address(host).is_loopback:
                raise ValueError(f"ADVERTISE_ADDRESS is needed, since {url} is on this host")
        return Instance(self.bound.scheme, host, self.settings.port or self.bound.port)


def _interface_towards(url: str) -> str:
    parts = urlsplit(url)
    found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)
    family, kind, _, _, target = found[0]
    with socket.socket(family, kind) as probe:
        probe.connect(target)  # sends nothing, but chooses the interface
        return str(probe.getsockname()[0])
