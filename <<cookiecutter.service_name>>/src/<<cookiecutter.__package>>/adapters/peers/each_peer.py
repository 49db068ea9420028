<% for peer in cookiecutter.depends_on | peers %>
=== << peer.module >>.py
"""The client of << peer.name >>: what this service asks of it, typed."""

from typing import Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ...platform import environ
from ...platform.peers.peer import Peer, Peers
from ...platform.peers.settings import PeerSettings

NAME = "<< peer.name >>"


class Settings(PeerSettings):
    """Where << peer.name >> is, if discovery is not to be asked, and what this service may do there."""

    url: str | None = Field(default=None, alias="<< peer.module | upper >>_URL")
    scope: str = Field(
        default="<< peer.path >>:read",
        alias="<< peer.module | upper >>_SCOPE",
    )


class << peer.class_name >>(BaseModel):
    """What this service reads of it; whatever else << peer.name >> sends may come and go."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    version: int


class Client(Protocol):
    """What this service asks << peer.name >> for."""

    def get(self, wanted: UUID) -> << peer.class_name >> | None:
        """Look one up; None if there is none."""
        ...


class HttpClient:
    """Asks << peer.name >> over HTTP.

    Its calls raise PeerUnavailable, UnexpectedAnswer and DeadlineExceeded. Unless they are caught
    on the way, callers of this service are answered 503, 502 and 504.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def get(self, wanted: UUID) -> << peer.class_name >> | None:
        """Look one up; None if there is none."""
        found = self._peer.request(
            "GET",
            f"/api/v1/<< peer.path >>/{wanted}",
            expect=(200, 404),
        )
        if found.status == 404:
            return None
        return self._peer.read(<< peer.class_name >>, found)


class InMemoryClient:
    """Knows what it is given, for tests."""

    def __init__(self, *known: << peer.class_name >>) -> None:
        self._known = {each.id: each for each in known}

    def get(self, wanted: UUID) -> << peer.class_name >> | None:
        """Look one up; None if there is none."""
        return self._known.get(wanted)


def connect(peers: Peers, settings: environ.Settings) -> Client:
    """Make the client of a running service."""
    return HttpClient(peers.peer(NAME, settings[Settings]))
<% endfor %>
