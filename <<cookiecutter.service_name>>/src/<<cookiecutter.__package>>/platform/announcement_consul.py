"""This process is announced to Consul."""

from .announcement import Announcement
from .discovery import announcer_address, consul
from .discovery.announcer import Announcer
from .environ import RoomSettings, Settings
from .listening import Listening

KINDS: tuple[type[RoomSettings], ...] = (announcer_address.Settings, consul.Settings)


def announcement(settings: Settings, service: str, listening: Listening) -> Announcement:
    """Make what announces an instance of a service."""
    address = announcer_address.Advertised(
        listening.scheme, listening.host, listening.port, settings[announcer_address.Settings]
    )
    registry = consul.Registry(consul.Client(settings[consul.Settings]), service, address)
    return Announcer(registry, listening.host, listening.health_port)
