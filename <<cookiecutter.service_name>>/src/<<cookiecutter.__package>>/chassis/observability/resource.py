"""The resource that logs and traces describe: this service."""

from pydantic import Field

from ..settings import ExtensionSettings


class ResourceSettings(ExtensionSettings):
    """Identity of the service in logs and traces."""

    service: str = Field(alias="OTEL_SERVICE_NAME")
    """Name of the service in logs and traces."""
