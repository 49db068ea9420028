<% for peer in cookiecutter.__peers.split() %>
<% set name, module, class, path = peer.split(':') %>
=== <<module>>.py
"""The client of <<name>>."""

from typing import Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ...chassis.peers import PeerClient, PeerClients, PeerSettings
from ...chassis.settings import Settings as AllSettings

NAME = "<<name>>"


class Settings(PeerSettings):
    """Fixed address of <<name>>, and the scopes of calls to it."""

    url: str | None = Field(default=None, alias="<<module | upper>>_URL")
    """Fixed address of <<name>>, in place of service discovery."""
    scope: str = Field(default="<<path>>:read", alias="<<module | upper>>_SCOPE")
    """Scopes of the tokens for calls to <<name>>."""


class <<class>>(BaseModel):
    """What this service reads; any other field that <<name>> sends may come and go."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    version: int


class Client(Protocol):
    """The operations of <<name>> that this service uses."""

    def get(self, resource_id: UUID) -> <<class>> | None:
        """Return one; None if there is none with this id."""


class HttpClient:
    """Calls <<name>> over HTTP.

    Calls raise PeerUnavailable, UnexpectedAnswer and DeadlineExceeded; uncaught, they become 503,
    502 and 504.
    """

    def __init__(self, client: PeerClient) -> None:
        self._client = client

    def get(self, resource_id: UUID) -> <<class>> | None:
        """Return one; None if there is none with this id."""
        path = f"/api/v1/<<path>>/{resource_id}"
        response = self._client.request("GET", path, expect=(200, 404))
        if response.status == 404:
            return None
        return self._client.read(<<class>>, response)


class InMemoryClient:
    """Holds resources in memory, for tests."""

    def __init__(self, *resources: <<class>>) -> None:
        self._resources = {each.id: each for each in resources}

    def get(self, resource_id: UUID) -> <<class>> | None:
        """Return one; None if there is none with this id."""
        return self._resources.get(resource_id)


def connect(peers: PeerClients, settings: AllSettings) -> Client:
    """Return the client of a running service."""
    return HttpClient(peers.client(NAME, settings[Settings]))
<% endfor %>
