"""The clients of all services that this one calls."""

from dataclasses import dataclass

from ...platform.environ import Settings
from ...platform.peers.peer import Peers
from . import (
<% for peer in cookiecutter.__peers.split() %>
    <<peer.split(':')[1]>>,
<% endfor %>
)

SETTINGS = (
<% for peer in cookiecutter.__peers.split() %>
    <<peer.split(':')[1]>>.Settings,
<% endfor %>
)


@dataclass(frozen=True, slots=True)
class Clients:
    """One for each peer; hand a use case the one that it needs."""

<% for peer in cookiecutter.__peers.split() %>
    <<peer.split(':')[1]>>: <<peer.split(':')[1]>>.Client
<% endfor %>


def connect(peers: Peers, settings: Settings) -> Clients:
    """Make the clients of a running service; they connect when they are used."""
    return Clients(
<% for peer in cookiecutter.__peers.split() %>
        <<peer.split(':')[1]>>=<<peer.split(':')[1]>>.connect(
            peers,
            settings,
        ),
<% endfor %>
    )


def in_memory() -> Clients:
    """Make clients of empty services."""
    return Clients(
<% for peer in cookiecutter.__peers.split() %>
        <<peer.split(':')[1]>>=<<peer.split(':')[1]>>.InMemoryClient(),
<% endfor %>
    )
