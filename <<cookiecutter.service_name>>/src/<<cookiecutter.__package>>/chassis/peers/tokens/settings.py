"""Settings of this service as a client of the identity provider."""

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from ...auth import AuthSettings, is_trustworthy

_DEVELOPMENT_SECRET = "development-only"  # noqa: S105 (refused in production)


class TokenSettings(AuthSettings):
    """Client credentials, and the parameters of token requests.

    Without `client_id`, as development allows, peers are called without a token.
    """

    client_id: str | None = Field(default=None, alias="AUTH_CLIENT_ID", validate_default=True)
    """Client id of this service at the identity provider. Required in production; without it,
    in development, calls carry no token."""
    client_secret: SecretStr | None = Field(
        default=None, alias="AUTH_CLIENT_SECRET", validate_default=True
    )
    """Client secret, better as `AUTH_CLIENT_SECRET_FILE`. Required with the id."""
    token_url: str | None = Field(default=None, alias="AUTH_TOKEN_URL", validate_default=True)
    """Token endpoint. Default: that of the metadata of `AUTH_ISSUER`."""
    token_parameters: str = Field(
        default="audience={audience},scope={scope}", alias="AUTH_TOKEN_PARAMETERS"
    )
    """Parameters of token requests: `name=value`, separated by commas. `{audience}` is the name
    of the called service, `{scope}` the scopes."""

    def parameters(self, audience: str, scope: str) -> dict[str, str]:
        """Return the parameters of a token request, without empty ones."""
        pairs = (pair.partition("=") for pair in self.token_parameters.split(","))
        filled = {
            name.strip(): value.replace("{audience}", audience).replace("{scope}", scope)
            for name, _, value in pairs
        }
        return {name: value for name, value in filled.items() if value}

    @field_validator("client_id")
    @classmethod
    def _in_production(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("environment") == "production":
            raise ValueError("is needed: peers reject calls without a token.")
        return value

    @field_validator("client_secret")
    @classmethod
    def _with_the_id(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        production = info.data.get("environment") == "production"
        if value is None and (production or info.data.get("client_id")):
            raise ValueError("is needed with AUTH_CLIENT_ID.")
        if value and production and value.get_secret_value() == _DEVELOPMENT_SECRET:
            raise ValueError("is for development only.")
        return value

    @field_validator("token_url")
    @classmethod
    def _is_trustworthy(cls, value: str | None, info: ValidationInfo) -> str | None:
        environment = info.data.get("environment")
        if value is not None:
            if not is_trustworthy(value, environment):
                raise ValueError("needs an https:// address: the client secret is sent there.")
            return value
        issuer = info.data.get("issuer")
        if info.data.get("client_id") and issuer and not is_trustworthy(issuer, environment):
            raise ValueError("is needed, since AUTH_ISSUER is not an https:// address.")
        return value

    @field_validator("token_parameters")
    @classmethod
    def _can_be_filled(cls, value: str) -> str:
        filled = value.replace("{audience}", "").replace("{scope}", "")
        if "{" in filled or "}" in filled or not all("=" in pair for pair in filled.split(",")):
            raise ValueError("needs name=value pairs with {audience} and {scope}, separated by commas.")
        return value
