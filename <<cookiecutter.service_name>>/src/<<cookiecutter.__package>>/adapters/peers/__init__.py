"""The clients of all services that this one calls."""

from contextlib import ExitStack
from dataclasses import dataclass

from ...platform import << cookiecutter.__wire >> as wire
from ...platform.discovery import << cookiecutter.discovery >>_peers as discovery
from ...platform.environ import RoomSettings, Settings
from ...platform.peers.peer import Peers
from ...platform.peers.settings import PeersSettings
from ...platform.peers.token_settings import TokenSettings
from ...platform.peers.tokens import Tokens
from ...platform.<< cookiecutter.__wire >>_peers import pools
from . import (
<% for peer in cookiecutter.depends_on | peers %>
    << peer.module >>,
<% endfor %>
)

KINDS: tuple[type[RoomSettings], ...] = (
    PeersSettings,
    TokenSettings,
<% for peer in cookiecutter.depends_on | peers %>
    << peer.module >>.Settings,
<% endfor %>
)


@dataclass(frozen=True, slots=True)
class Clients:
    """One for each peer; hand a use case the one that it needs."""

<% for peer in cookiecutter.depends_on | peers %>
    << peer.module >>: << peer.module >>.Client
<% endfor %>


def connect(settings: Settings, wired: wire.Settings, closing: ExitStack) -> Clients:
    """Make the clients of a running service; they connect when they are used."""
    directory = discovery.directory(settings, wired.address)
    closing.callback(directory.close)
    peers = Peers(
        settings[PeersSettings],
        directory,
        pools(wired, settings[PeersSettings].max_concurrent_calls),
        Tokens(settings[TokenSettings]),
    )
    return Clients(
<% for peer in cookiecutter.depends_on | peers %>
        << peer.module >>=<< peer.module >>.connect(
            peers,
            settings,
        ),
<% endfor %>
    )


def in_memory() -> Clients:
    """Make clients of empty services."""
    return Clients(
<% for peer in cookiecutter.depends_on | peers %>
        << peer.module >>=<< peer.module >>.InMemoryClient(),
<% endfor %>
    )
