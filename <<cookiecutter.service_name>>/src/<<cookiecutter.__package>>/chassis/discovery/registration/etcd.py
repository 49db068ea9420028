"""Registration with etcd."""

from ...settings import ExtensionSettings, Settings
from .. import Instance
from ..registry import etcd
from ..registry.address import AddressSettings, AdvertisedAddress
from ..registry.heartbeat import Heartbeat

SETTINGS: tuple[type[ExtensionSettings], ...] = (
    etcd.EtcdSettings,
    AddressSettings,
)


def registration(settings: Settings, service: str, bound: Instance, health_port: int) -> Heartbeat:
    """Return the registration of an instance of `service` that listens on `bound`."""
    address = AdvertisedAddress(bound, settings[AddressSettings])
    client = etcd.Client(settings[etcd.EtcdSettings])
    registrar = etcd.EtcdRegistrar(client, service, address)
    return Heartbeat(registrar, bound.host, health_port)
