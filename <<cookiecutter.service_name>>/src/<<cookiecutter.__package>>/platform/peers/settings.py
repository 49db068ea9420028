"""How peers are called."""

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from ..discovery.fixed_peers import Fixed
from ..environ import RoomSettings


class PeersSettings(RoomSettings):
    """What a call may cost (seconds, unless the name says otherwise)."""

    timeout_seconds: PositiveFloat = Field(default=5, alias="PEER_TIMEOUT_SECONDS")
    attempt_timeout_seconds: PositiveFloat = Field(default=1, alias="PEER_ATTEMPT_TIMEOUT_SECONDS")
    max_attempts: PositiveInt = Field(default=3, alias="PEER_MAX_ATTEMPTS")
    retry_share: NonNegativeFloat = Field(default=0.2, le=1, alias="PEER_RETRY_SHARE")
    max_concurrent_calls: PositiveInt = Field(default=32, alias="PEER_MAX_CONCURRENT_CALLS")
    breaker_failures: PositiveInt = Field(default=5, alias="PEER_BREAKER_FAILURES")
    breaker_seconds: PositiveFloat = Field(default=2, alias="PEER_BREAKER_SECONDS")
    set_aside_seconds: PositiveFloat = Field(default=5, alias="PEER_SET_ASIDE_SECONDS")


class PeerSettings(RoomSettings):
    """Where one peer is, if discovery is not to be asked, and the scopes that calls to it need.

    Each peer's client names the variables.
    """

    url: str | None = None
    scope: str = ""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            Fixed(value)
        return value
