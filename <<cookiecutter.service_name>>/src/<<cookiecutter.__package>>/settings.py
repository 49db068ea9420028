"""The service's settings: defaults, and the one place that reads the environment."""

from collections.abc import Iterable, Mapping

<% if cookiecutter.depends_on %>
from .adapters import peers
<% endif %>
from .chassis import auth, database, inbound, observability
from .chassis import << cookiecutter.__transport >> as transport
from .chassis.discovery.registration import << cookiecutter.discovery >> as registry
from .chassis.settings import ExtensionSettings, Settings

SERVICE_NAME = "<< cookiecutter.service_name >>"

DEFAULTS = {"OTEL_SERVICE_NAME": SERVICE_NAME}

# Defaults for a bare machine; in production these variables are required.
DEVELOPMENT_DEFAULTS = {
    "AUTH_AUDIENCE": SERVICE_NAME,
    "AUTH_ISSUER": "urn:development",
    "DATABASE_URL": "sqlite:///.dev/<< cookiecutter.service_name >>.db",
}

MODELS: tuple[type[ExtensionSettings], ...] = (
    ExtensionSettings,
    inbound.ServerSettings,
    inbound.LoadSheddingSettings,
    inbound.LimitSettings,
    auth.AuthSettings,
    database.DatabaseSettings,
    observability.ResourceSettings,
    observability.LogSettings,
    observability.TraceSettings,
    *transport.SETTINGS,
    *registry.SETTINGS,
<% if cookiecutter.depends_on %>
    *peers.SETTINGS,
<% endif %>
)


def read(
    environ: Mapping[str, str],
    models: Iterable[type[ExtensionSettings]] = MODELS,
) -> Settings:
    """Read the settings of these models.

    Raises:
        SettingsError: lists every variable that is missing or wrong.
    """
    defaults = DEFAULTS
    if environ.get("ENVIRONMENT") != "production":
        defaults = DEFAULTS | DEVELOPMENT_DEFAULTS
    # As in OpenTelemetry, an empty variable counts as unset.
    values = {name: value for name, value in environ.items() if value != ""}
    return Settings(defaults, values, models)
