"""Settings of token verification."""

from urllib.parse import urlsplit

from pydantic import Field, NonNegativeFloat, PositiveFloat, ValidationInfo, field_validator

from ..settings import ExtensionSettings
from .fetch import is_trustworthy

DEVELOPMENT_ISSUER = "urn:development"
DEVELOPMENT_KEYS = "file:.dev/jwks.json"


class AuthSettings(ExtensionSettings):
    """Issuer, audience and key set (RFC 7517) of accepted tokens.

    Without `jwks_url` the issuer's metadata name the key set.
    """

    issuer: str = Field(alias="AUTH_ISSUER")
    """Issuer (`iss`) of accepted tokens, `https://` in production. It must sign with RS256 or
    ES256. Its metadata (OpenID Connect Discovery, or RFC 8414) names its keys."""
    audience: str = Field(alias="AUTH_AUDIENCE")
    """Audience (`aud`) that a token must name."""
    jwks_url: str | None = Field(default=None, alias="AUTH_JWKS_URL", validate_default=True)
    """Key set (JWKS) of an issuer without metadata. In production `https://`, or `http://` on
    the same host."""
    leeway_seconds: NonNegativeFloat = Field(default=30, le=300, alias="AUTH_LEEWAY_SECONDS")
    """Allowed clock difference when a token's times are checked; at most 300."""
    keys_max_age_seconds: PositiveFloat = Field(default=600, alias="AUTH_KEYS_MAX_AGE_SECONDS")
    """Age at which the key set is fetched again. An unknown key is looked up at once."""

    @field_validator("issuer")
    @classmethod
    def _not_the_development_issuer(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("environment") == "production" and value == DEVELOPMENT_ISSUER:
            raise ValueError("is the development issuer; set that of your identity provider.")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _is_trustworthy(cls, value: str | None, info: ValidationInfo) -> str | None:
        environment = info.data.get("environment")
        if value is None:
            return _keys_of(info.data.get("issuer"), environment)
        if urlsplit(value).scheme == "file" and environment != "production":
            return value
        if not is_trustworthy(value, environment):
            raise ValueError("needs an https:// address: keys must not be fetched over plain HTTP.")
        return value


def _keys_of(issuer: str | None, environment: str | None) -> str | None:
    """Return the address of an issuer's keys; None if its metadata name it."""
    if issuer == DEVELOPMENT_ISSUER:
        return DEVELOPMENT_KEYS
    if issuer is not None and not is_trustworthy(issuer, environment):
        raise ValueError("is needed, since AUTH_ISSUER is not an https:// address.")
    return None
