<% for peer in cookiecutter.depends_on | peers %>
=== << peer.module >>.py
"""The client of << peer.name >>."""

from typing import Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ...chassis.peers import PeerClient, PeerClients, PeerSettings
from ...chassis.settings import Settings as AllSettings

NAME = "<< peer.name >>"


class Settings(PeerSettings):
    """Fixed address of << peer.name >>, and the scopes of calls to it."""

    url: str | None = Field(default=None, alias="<< peer.variable >>_URL")
    """Fixed address of << peer.name >>, in place of service discovery."""
    scope: str = Field(default="<< peer.path >>:read", alias="<< peer.variable >>_SCOPE")
    """Scopes of the tokens for calls to << peer.name >>."""


class << peer.class_name >>(BaseModel):
    """What this service reads; any other field that << peer.name >> sends may come and go."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    version: int


class Client(Protocol):
    """The operations of << peer.name >> that this service uses."""

    def get(self, resource_id: UUID) -> << peer.class_name >> | None:
        """Return one; None if there is none with this id."""


class HttpClient:
    """Calls << peer.name >> over HTTP.

    Calls raise PeerUnavailable, UnexpectedAnswer and DeadlineExceeded; uncaught, they become 503,
    502 and 504.
    """

    def __init__(self, client: PeerClient) -> None:
        self._client = client

    def get(self, resource_id: UUID) -> << peer.class_name >> | None:
        """Return one; None if there is none with this id."""
        path = f"/api/v1/<< peer.path >>/{resource_id}"
        response = self._client.request("GET", path, expect=(200, 404))
        if response.status == 404:
            return None
        return self._client.read(<< peer.class_name >>, response)


class InMemoryClient:
    """Holds resources in memory, for tests."""

    def __init__(self, *resources: << peer.class_name >>) -> None:
        self._resources = {each.id: each for each in resources}

    def get(self, resource_id: UUID) -> << peer.class_name >> | None:
        """Return one; None if there is none with this id."""
        return self._resources.get(resource_id)


def connect(peers: PeerClients, settings: AllSettings) -> Client:
    """Return the client of a running service."""
    return HttpClient(peers.client(NAME, settings[Settings]))
<% endfor %>
