"""Access tokens for calls to peers.

One for each peer as audience (RFC 9068): a token sent to one peer is useless at another.
"""

import logging

from .cache import CachedToken
from .endpoint import TokenEndpoint
from .settings import TokenSettings

logger = logging.getLogger(__name__)


class TokenSource:
    """Tokens by audience and scope; thread safe."""

    def __init__(self, settings: TokenSettings) -> None:
        self._endpoint = TokenEndpoint(settings) if settings.client_id else None
        self._kept: dict[tuple[str, str], CachedToken] = {}
        self._has_said = False

    def token(self, audience: str, scope: str = "") -> str | None:
        """Give a token that `audience` accepts; None where this service is nobody's client.

        Raises:
            TokenUnavailable: the provider gives none, and there is no valid one from before.
            DeadlineExceeded: the time of the request that it is for is up.
        """
        endpoint = self._endpoint
        if endpoint is None:
            self._say_once()
            return None
        kept = self._kept.get((audience, scope))
        if kept is None:
            new = CachedToken(audience, lambda: endpoint.grant(audience, scope))
            kept = self._kept.setdefault((audience, scope), new)
        return kept.get()

    def forget(self, audience: str) -> None:
        """Fetch anew next time: `audience` has refused its token."""
        for (name, _), kept in tuple(self._kept.items()):
            if name == audience:
                kept.forget()

    def _say_once(self) -> None:
        if not self._has_said:
            self._has_said = True
            logger.warning("AUTH_CLIENT_ID is not set: peers are called without a token")
