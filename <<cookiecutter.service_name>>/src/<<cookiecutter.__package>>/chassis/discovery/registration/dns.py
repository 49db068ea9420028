"""No registration: the orchestrator's DNS names this service."""

from ...settings import ExtensionSettings, Settings
from .. import Instance

SETTINGS: tuple[type[ExtensionSettings], ...] = ()


class NoRegistration:
    """Registration that does nothing."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


def registration(
    settings: Settings,  # noqa: ARG001 (the signature of every registration)
    service: str,  # noqa: ARG001
    bound: Instance,  # noqa: ARG001
    health_port: int,  # noqa: ARG001
) -> NoRegistration:
    """Return the registration of an instance of `service`."""
    return NoRegistration()
