"""Plain HTTP between services: the mesh around them does mutual TLS."""

from flask import Flask
from pydantic import Field

from .environ import RoomSettings

# Where every service of the workspace listens.
_PORT = 8000


class Settings(RoomSettings):
    """Where the process serves."""

    port: int = Field(default=_PORT, alias="PORT")

    @property
    def listens(self) -> tuple[str, int]:
        """Give scheme and port of this process' API."""
        return "http", self.port

    @property
    def address(self) -> tuple[str, int]:
        """Give scheme and port at which services call each other."""
        return "http", _PORT


def init_app(app: Flask, settings: Settings) -> None:
    """Leave the application as it is."""
