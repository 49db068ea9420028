"""Tokens for peers (OAuth2 client credentials)."""

from ..environ import RoomSettings


class TokenSettings(RoomSettings):
    """Under which name this service calls others."""


class Tokens:
    """Gives no token yet."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings

    def token(self, audience: str) -> str | None:
        """Give a token for this audience."""

    def forget(self, audience: str) -> None:
        """Fetch anew next time."""
