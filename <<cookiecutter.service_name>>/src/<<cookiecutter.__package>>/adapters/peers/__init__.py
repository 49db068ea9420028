"""The clients of all upstream services."""

from contextlib import ExitStack
from dataclasses import dataclass

from ...chassis import << cookiecutter.__transport >> as transport
from ...chassis.discovery.resolution import << cookiecutter.discovery >> as discovery
from ...chassis.peers import PeerCallSettings, PeerClients, TokenSettings, TokenSource
from ...chassis.peers.connections import << cookiecutter.__transport >> as connections
from ...chassis.settings import ExtensionSettings, Settings
from . import (
<% for peer in cookiecutter.depends_on | peers %>
    << peer.module >>,
<% endfor %>
)

SETTINGS: tuple[type[ExtensionSettings], ...] = (
    PeerCallSettings,
    TokenSettings,
<% for peer in cookiecutter.depends_on | peers %>
    << peer.module >>.Settings,
<% endfor %>
)


@dataclass(frozen=True, slots=True)
class Clients:
    """One client for each upstream service; pass a use case the one that it needs."""

<% for peer in cookiecutter.depends_on | peers %>
    << peer.module >>: << peer.module >>.Client
<% endfor %>


def connect(settings: Settings, closing: ExitStack) -> Clients:
    """Return the clients of a running service; they connect at first use."""
    resolver = discovery.resolver(settings, transport.peer_endpoint(settings))
    closing.callback(resolver.close)
    call = settings[PeerCallSettings]
    peers = PeerClients(
        call,
        resolver,
        connections.pools(settings, call.max_concurrent_calls),
        TokenSource(settings[TokenSettings]),
    )
    return Clients(
<% for peer in cookiecutter.depends_on | peers %>
        << peer.module >>=<< peer.module >>.connect(peers, settings),
<% endfor %>
    )


def in_memory() -> Clients:
    """Return clients of empty services."""
    return Clients(
<% for peer in cookiecutter.depends_on | peers %>
        << peer.module >>=<< peer.module >>.InMemoryClient(),
<% endfor %>
    )
