"""Nobody is told of this process: the platform that starts it gives it a name in the DNS."""

from .announcement import Announcement
from .environ import RoomSettings, Settings
from .listening import Listening

KINDS: tuple[type[RoomSettings], ...] = ()


class Unannounced:
    """Tells nobody."""

    def start(self) -> None:
        """Do nothing."""

    def withdraw(self) -> None:
        """Do nothing."""


def announcement(settings: Settings, service: str, listening: Listening) -> Announcement:  # noqa: ARG001 (the others' signature)
    """Make what tells nobody."""
    return Unannounced()
