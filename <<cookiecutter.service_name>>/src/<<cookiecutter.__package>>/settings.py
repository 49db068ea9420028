"""The service's settings: its defaults, and the one place that reads the environment."""

from collections.abc import Iterable, Mapping

from pydantic import Field, NonNegativeFloat, PositiveInt

from .platform import auth, database, limits, logs, shedding, telemetry
from .platform.environ import RoomSettings, Settings

SERVICE_NAME = "<< cookiecutter.service_name >>"

_ALWAYS = {"OTEL_SERVICE_NAME": SERVICE_NAME}

# What lets the service run on a bare machine. In production these must be given.
_IN_DEVELOPMENT = {
    "AUTH_AUDIENCE": SERVICE_NAME,
    "AUTH_ISSUER": "urn:development",
    "DATABASE_URL": "sqlite:///.dev/<< cookiecutter.service_name >>.db",
}


class ServerSettings(shedding.Settings):
    """Where and how the process serves, and how it ends (seconds)."""

    host: str = Field(default="127.0.0.1", alias="HOST")
    port: int = Field(default=8000, ge=1, le=65535, alias="PORT")
    workers: PositiveInt = Field(default=1, alias="WEB_CONCURRENCY")
    drain_seconds: NonNegativeFloat = Field(default=5, alias="SHUTDOWN_DRAIN_SECONDS")
    grace_seconds: PositiveInt = Field(default=20, alias="SHUTDOWN_GRACE_SECONDS")


KINDS: tuple[type[RoomSettings], ...] = (
    RoomSettings,
    ServerSettings,
    auth.Settings,
    database.Settings,
    limits.Settings,
    logs.Settings,
    shedding.Settings,
    telemetry.Settings,
)


def read(
    environ: Mapping[str, str],
    kinds: Iterable[type[RoomSettings]] = KINDS,
) -> Settings:
    """Read the settings of these kinds.

    Raises:
        SettingsError: lists every variable that is missing or wrong.
    """
    defaults = _ALWAYS
    if environ.get("ENVIRONMENT") != "production":
        defaults = _ALWAYS | _IN_DEVELOPMENT
    # As OpenTelemetry has it: an empty variable is the same as none.
    given = {name: value for name, value in environ.items() if value != ""}
    return Settings(defaults, given, kinds)
