"""Registration with Consul."""

from ...settings import ExtensionSettings, Settings
from .. import Instance
from ..registry import consul
from ..registry.address import AddressSettings, AdvertisedAddress
from ..registry.heartbeat import Heartbeat

SETTINGS: tuple[type[ExtensionSettings], ...] = (
    consul.ConsulSettings,
    AddressSettings,
)


def registration(settings: Settings, service: str, bound: Instance, health_port: int) -> Heartbeat:
    """Return the registration of an instance of `service` that listens on `bound`."""
    address = AdvertisedAddress(bound, settings[AddressSettings])
    client = consul.Client(settings[consul.ConsulSettings])
    registrar = consul.ConsulRegistrar(client, service, address)
    return Heartbeat(registrar, bound.host, health_port)
