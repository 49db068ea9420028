"""Settings of calls to peers."""

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from ..discovery.resolution.fixed import FixedResolver
from ..settings import ExtensionSettings


class PeerCallSettings(ExtensionSettings):
    """Limits of calls to peers."""

    timeout_seconds: PositiveFloat = Field(default=5, alias="PEER_TIMEOUT_SECONDS")
    """Longest duration of a call with all its retries."""
    attempt_timeout_seconds: PositiveFloat = Field(default=1, alias="PEER_ATTEMPT_TIMEOUT_SECONDS")
    """Longest duration of one attempt."""
    max_attempts: PositiveInt = Field(default=3, alias="PEER_MAX_ATTEMPTS")
    """Attempts of a call that may be repeated."""
    retry_share: NonNegativeFloat = Field(default=0.2, le=1, alias="PEER_RETRY_SHARE")
    """Retries as a share of all calls to a peer."""
    max_concurrent_calls: PositiveInt = Field(default=32, alias="PEER_MAX_CONCURRENT_CALLS")
    """Concurrent calls of one worker process to a peer; more fail at once."""
    breaker_failures: PositiveInt = Field(default=5, alias="PEER_BREAKER_FAILURES")
    """Consecutive failures that open the circuit breaker."""
    breaker_seconds: PositiveFloat = Field(default=2, alias="PEER_BREAKER_SECONDS")
    """Time until an open circuit breaker lets a probe through."""
    ejection_seconds: PositiveFloat = Field(default=5, alias="PEER_SET_ASIDE_SECONDS")
    """Time that a failing instance gets no calls."""


class PeerSettings(ExtensionSettings):
    """Fixed address of a peer, and the scopes of calls to it; each client names the variables."""

    url: str | None = Field(default=None)
    """Fixed address of the peer, in place of service discovery."""
    scope: str = Field(default="")
    """Scopes of the tokens for calls to the peer."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            FixedResolver(value)
        return value
