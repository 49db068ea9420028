"""The identity provider's token endpoint: the client credentials grant of OAuth 2 (RFC 6749, 4.4)."""

import json
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote_plus, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError
from urllib3 import PoolManager, ProxyManager, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from ...auth import Metadata
from .settings import TokenSettings

_TIMEOUT = Timeout(connect=2, read=4)
_USUAL_SECONDS = 60  # lifetime of a token without `expires_in`


class NoToken(Exception):
    """The provider issued no token; the text says why, and contains no secret."""


class Grant(NamedTuple):
    """A token, and its lifetime in seconds."""

    token: str
    seconds: float


class TokenEndpoint:
    """Client of the provider's token endpoint."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._metadata = Metadata(settings)

    def grant(self, audience: str, scope: str) -> Grant:
        """Return a new token that `audience` accepts.

        Raises:
            NoToken: the provider issues none.
        """
        fields = {"grant_type": "client_credentials", **self._settings.parameters(audience, scope)}
        try:
            status, body = self._post(self._settings.token_url or self._discovered_url(), fields)
        except (HTTPError, OSError, ValueError) as error:
            self._metadata.forget()
            raise NoToken(f"the provider cannot be reached: {error}") from error
        if status != 200:
            raise NoToken(f"the provider answers {status} {_reason(body)}")
        return _read(body)

    def _discovered_url(self) -> str:
        return self._metadata.address("token_endpoint")

    def _post(self, url: str, fields: dict[str, str]) -> tuple[int, bytes]:
        with _pool(url) as pool:
            response = pool.request(
                "POST",
                url,
                fields=fields,
                headers={"Accept": "application/json", **self._credentials()},
                encode_multipart=False,
                timeout=_TIMEOUT,
                retries=False,
                redirect=False,  # credentials are for this address only
            )
            return response.status, response.data

    def _credentials(self) -> dict[str, str]:
        secret = self._settings.client_secret
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = (self._settings.client_id or "", secret.get_secret_value() if secret else "")
        return make_headers(basic_auth=":".join(map(quote_plus, pair)))


def _pool(url: str) -> PoolManager:
    # One request in minutes, so no connection is kept. Proxies are those of urllib, as for the keys.
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc):
        return PoolManager()
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    user, _, _ = urlsplit(proxy).netloc.rpartition("@")
    return ProxyManager(proxy, proxy_headers=make_headers(proxy_basic_auth=unquote(user) or None))


class _Answer(BaseModel):
    """RFC 6749, 5.1."""

    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: str = Field(pattern=r"^[\x21-\x7e]+$")
    token_type: str = Field(pattern=r"(?i)^bearer$")
    expires_in: PositiveFloat = _USUAL_SECONDS


def _read(body: bytes) -> Grant:
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors()) or "JSON"
        raise NoToken(f"the provider's answer has no usable {wrong}") from None
    return Grant(answer.access_token, answer.expires_in)


def _reason(body: bytes) -> str:
    """Return the provider's reason (RFC 6749, 5.2), as one short line."""
    answer: Any = None
    with suppress(ValueError):
        answer = json.loads(body)
    if not isinstance(answer, dict):
        return "without a reason"
    reasons = (str(answer[name]) for name in ("error", "error_description") if name in answer)
    return " ".join(": ".join(reasons).split())[:200]
