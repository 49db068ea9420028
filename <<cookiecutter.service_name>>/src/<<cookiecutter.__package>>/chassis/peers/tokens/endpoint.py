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
_USUAL_SECONDS = 60  # the life of a token whose answer does not say


class NoToken(Exception):
    """The provider gave none; the text says why, without a secret in it."""


class Grant(NamedTuple):
    """A token, and how many seconds it is good for."""

    token: str
    seconds: float


class TokenEndpoint:
    """Where this service, as a client of the provider, asks for tokens."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._metadata = Metadata(settings)

    def grant(self, audience: str, scope: str) -> Grant:
        """Ask for a token that `audience` accepts.

        Raises:
            NoToken: there is none.
        """
        fields = {"grant_type": "client_credentials", **self._settings.parameters(audience, scope)}
        try:
            status, body = self._post(self._settings.token_url or self._found(), fields)
        except (HTTPError, OSError, ValueError) as error:
            self._metadata.forget()
            raise NoToken(f"the provider can't be asked: {error}") from error
        if status != 200:
            raise NoToken(f"the provider answers {status} {_reason(body)}")
        return _read(body)

    def _found(self) -> str:
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
                redirect=False,  # credentials go nowhere else
            )
            return response.status, response.data

    def _credentials(self) -> dict[str, str]:
        secret = self._settings.client_secret
        # RFC 6749, 2.3.1: both are encoded like a form before they are joined.
        pair = (self._settings.client_id or "", secret.get_secret_value() if secret else "")
        return make_headers(basic_auth=":".join(map(quote_plus, pair)))


def _pool(url: str) -> PoolManager:
    # Asked once in minutes: no connection is kept. The way out is the same as for the keys.
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
    """Give the provider's reason (RFC 6749, 5.2), as one short line."""
    answer: Any = None
    with suppress(ValueError):
        answer = json.loads(body)
    if not isinstance(answer, dict):
        return "without a reason"
    told = (str(answer[name]) for name in ("error", "error_description") if name in answer)
    return " ".join(": ".join(told).split())[:200]
