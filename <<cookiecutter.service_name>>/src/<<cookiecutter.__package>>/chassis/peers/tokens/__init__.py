"""Access tokens for calls to peers, by the client credentials grant (RFC 6749, 4.4)."""

from .settings import TokenSettings
from .source import TokenSource

__all__ = ["TokenSettings", "TokenSource"]
