"""No registration: the orchestrator's DNS names this service."""

from ...settings import ExtensionSettings

SETTINGS: tuple[type[ExtensionSettings], ...] = ()


class NoRegistration:
    """Registration that does nothing."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


def registration(*_: object) -> NoRegistration:
    """Return the registration; its arguments are those of a registry's."""
    return NoRegistration()
