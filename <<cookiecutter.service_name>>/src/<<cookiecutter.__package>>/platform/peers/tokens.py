"""Tokens that this service shows its peers.

They come by the client credentials grant, one for each peer as audience (RFC 9068): a token that
one peer was shown is of no use at another.
"""

import logging

from .kept_token import KeptToken
from .token_endpoint import TokenEndpoint
from .token_settings import TokenSettings

logger = logging.getLogger(__name__)


class Tokens:
    """The tokens by audience and scope. Thread safe."""

    def __init__(self, settings: TokenSettings) -> None:
        self._endpoint = TokenEndpoint(settings) if settings.client_id else None
        self._kept: dict[tuple[str, str], KeptToken] = {}
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
            new = KeptToken(audience, lambda: endpoint.grant(audience, scope))
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
