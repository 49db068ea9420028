"""Access tokens for calls to peers.

Each peer is an audience of its own (RFC 9068): a token for one peer is rejected by the others.
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
        self._cached: dict[tuple[str, str], CachedToken] = {}
        self._warned = False

    def token(self, audience: str, scope: str = "") -> str | None:
        """Return a token that `audience` accepts; None without client credentials.

        Raises:
            TokenUnavailable: the provider issues none, and no cached one is valid.
            DeadlineExceeded: the time of the current request is up.
        """
        endpoint = self._endpoint
        if endpoint is None:
            self._warn_once()
            return None
        cached = self._cached.get((audience, scope))
        if cached is None:
            new = CachedToken(audience, lambda: endpoint.grant(audience, scope))
            cached = self._cached.setdefault((audience, scope), new)
        return cached.get()

    def forget(self, audience: str) -> None:
        """Fetch a new token at next use: `audience` has rejected the cached one."""
        for (name, _), cached in tuple(self._cached.items()):
            if name == audience:
                cached.forget()

    def _warn_once(self) -> None:
        if not self._warned:
            self._warned = True
            logger.warning("AUTH_CLIENT_ID is not set: peers are called without a token")
