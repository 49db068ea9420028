"""This process is announced to etcd."""

from .announcement import Announcement
from .discovery import announcer_address, etcd
from .discovery.announcer import Announcer
from .environ import RoomSettings, Settings
from .listening import Listening

KINDS: tuple[type[RoomSettings], ...] = (announcer_address.Settings, etcd.Settings)


def announcement(settings: Settings, service: str, listening: Listening) -> Announcement:
    """Make what announces an instance of a service."""
    address = announcer_address.Advertised(
        listening.scheme, listening.host, listening.port, settings[announcer_address.Settings]
    )
    registry = etcd.Registry(etcd.Client(settings[etcd.Settings]), service, address)
    return Announcer(registry, listening.host, listening.health_port)
