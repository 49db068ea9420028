"""Calls to other services: resolved, bounded in time, retried where safe, and measured."""

from .client import PeerClient, PeerClients
from .messages import PeerUnavailable, Request, Response, UnexpectedAnswer
from .settings import PeerCallSettings, PeerSettings
from .tokens import TokenSettings, TokenSource

__all__ = [
    "PeerCallSettings",
    "PeerClient",
    "PeerClients",
    "PeerSettings",
    "PeerUnavailable",
    "Request",
    "Response",
    "TokenSettings",
    "TokenSource",
    "UnexpectedAnswer",
]
