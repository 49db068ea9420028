"""Verification of access tokens (RFC 7519, 8725, 9068), with a cache of verified ones."""

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jwt

from .keys import ALGORITHMS, KeySet
from .settings import AuthSettings

_REMEMBERED_TOKENS = 4096
_REMEMBERED_SECONDS = 300
_FOREIGN_KEYS = frozenset({"jku", "jwk", "x5u"})
# RFC 9068's type, and that of issuers without types of their own. Other signed documents, such as
# logout tokens, have another type.
_TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt"})

# The standard's name first (RFC 9068), then OpenID Connect's, then those of Entra ID and Okta.
_CLIENT_CLAIMS = ("client_id", "azp", "appid", "cid")
# The standard's first (RFC 8693, 4.2), then Entra ID's and Okta's, then Entra ID's for services.
_SCOPE_CLAIMS = ("scope", "scp", "roles")


_REASONS: Mapping[type[Exception], str] = {
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: "The token is meant for another audience.",
    jwt.InvalidIssuerError: "The token comes from another issuer.",
}


class InvalidToken(Exception):
    """The token is not accepted; the text says why, and contains no secret."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller, as the issuer's token describes it."""

    subject: str
    client: str | None
    scopes: frozenset[str]
    claims: Mapping[str, Any]


class _Verified(NamedTuple):
    caller: Caller
    until: float
    key: jwt.PyJWK


class Verifier:
    """Verifies signature, issuer, audience and times of a token.

    A verified token is remembered until it expires, for five minutes at most, and forgotten as
    soon as the issuer withdraws its key.
    """

    def __init__(self, settings: AuthSettings, keys: KeySet) -> None:
        self._settings = settings
        self._keys = keys
        self._verified: dict[bytes, _Verified] = {}
        self._lock = threading.Lock()

    def verify(self, token: str) -> Caller:
        """Return the caller that a token identifies.

        Raises:
            InvalidToken: the token is not accepted.
            KeysUnavailable: it cannot be verified for now.
        """
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known and known.until > time.time() and self._keys.has(known.key):
            return known.caller
        key, claims = self._decode(token)
        if _is_id_token(claims):
            raise InvalidToken("The token is not an access token.")
        caller = Caller(claims["sub"], _client(claims), _scopes(claims), claims)
        self._remember(digest, caller, key)
        return caller

    def _decode(self, token: str) -> tuple[jwt.PyJWK, dict[str, Any]]:
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("alg")) not in ALGORITHMS:
                raise InvalidToken("The token's algorithm is not accepted.")
            if not _FOREIGN_KEYS.isdisjoint(header):
                raise InvalidToken("The token carries its own key.")
            if str(header.get("typ", "jwt")).lower() not in _TYPES:
                raise InvalidToken("The token is not an access token.")
            key = self._keys.get(str(header.get("kid")))
            if key is None:
                raise InvalidToken("The token is signed with an unknown key.")
            return key, jwt.decode(
                token,
                key,
                algorithms=sorted(ALGORITHMS),
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=self._settings.leeway_seconds,
                options={"require": ["aud", "exp", "iss", "sub"]},
            )
        except (jwt.PyJWTError, OverflowError, RecursionError, TypeError, ValueError) as error:
            raise InvalidToken(_reason(error)) from error

    def _remember(self, digest: bytes, caller: Caller, key: jwt.PyJWK) -> None:
        leeway = self._settings.leeway_seconds
        expires = int(caller.claims["exp"])
        until = min(expires, time.time() + _REMEMBERED_SECONDS - leeway) + leeway
        with self._lock:
            while len(self._verified) >= _REMEMBERED_TOKENS:
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = _Verified(caller, until, key)


def _is_id_token(claims: Mapping[str, Any]) -> bool:
    """Return whether these are claims of an ID token, which is meant for a client, not for an API.

    Some issuers give ID tokens the type of access tokens. Keycloak marks them by a claim; with
    others the hash of the access token, which only ID tokens have, shows the difference (OpenID
    Connect Core, 3.1.3.6).
    """
    return claims.get("typ") == "ID" or "at_hash" in claims


def _client(claims: Mapping[str, Any]) -> str | None:
    """Return the client that the token was issued to; None if its claims contradict each other."""
    named = [claims[name] for name in _CLIENT_CLAIMS if name in claims]
    if not named or any(name != named[0] for name in named):
        return None
    return named[0] if isinstance(named[0], str) else None


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    granted = next((claims[name] for name in _SCOPE_CLAIMS if name in claims), None)
    if isinstance(granted, str):
        granted = granted.split()
    if not isinstance(granted, list):
        return frozenset()
    return frozenset(scope for scope in granted if isinstance(scope, str))


def _reason(error: Exception) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"The token lacks the claim {error.claim}."
    return _REASONS.get(type(error), "The token is not valid.")
