"""Plain HTTP between services."""

from flask import Flask

from .inbound import ServerSettings
from .settings import ExtensionSettings, Settings

SETTINGS: tuple[type[ExtensionSettings], ...] = ()

# The port of every service inside the workspace and the cluster.
_PORT = 8000


def init_app(app: Flask, settings: Settings) -> None:
    """Do nothing: the server listens on plain HTTP already."""


def endpoint(settings: Settings) -> tuple[str, int]:
    """Return scheme and port of this process' API."""
    return "http", settings[ServerSettings].port


def peer_endpoint(settings: Settings) -> tuple[str, int]:  # noqa: ARG001 (the signature of every transport)
    """Return scheme and port under which services call each other."""
    return "http", _PORT
