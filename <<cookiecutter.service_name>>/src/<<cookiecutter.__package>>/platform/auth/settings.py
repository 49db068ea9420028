"""Whose tokens are accepted."""

from urllib.parse import urlsplit

from pydantic import Field, NonNegativeFloat, PositiveFloat, ValidationInfo, field_validator

from ..environ import RoomSettings

DEVELOPMENT_ISSUER = "urn:development"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class AuthSettings(RoomSettings):
    """Issuer, audience and key set (RFC 7517) of acceptable tokens."""

    issuer: str = Field(alias="AUTH_ISSUER")
    audience: str = Field(alias="AUTH_AUDIENCE")
    jwks_url: str = Field(alias="AUTH_JWKS_URL")
    leeway_seconds: NonNegativeFloat = Field(default=30, le=300, alias="AUTH_LEEWAY_SECONDS")
    keys_max_age_seconds: PositiveFloat = Field(default=600, alias="AUTH_KEYS_MAX_AGE_SECONDS")

    @field_validator("issuer")
    @classmethod
    def _not_the_development_issuer(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("environment") == "production" and value == DEVELOPMENT_ISSUER:
            raise ValueError("is the development issuer; name your identity provider's.")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _from_a_trustworthy_place(cls, value: str, info: ValidationInfo) -> str:
        url = urlsplit(value)
        production = info.data.get("environment") == "production"
        if url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK):
            return value
        if url.scheme in {"file", "http"} and not production:
            return value
        raise ValueError("needs an https:// address, so that nobody can slip in keys on the way.")
