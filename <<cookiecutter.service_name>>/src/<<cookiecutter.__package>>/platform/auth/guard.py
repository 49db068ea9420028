"""The guard in front of every view."""

from collections.abc import Set
from typing import Any

from flask import Flask, current_app, g, request
from werkzeug.exceptions import Forbidden, ServiceUnavailable, Unauthorized
from werkzeug.http import quote_header_value

from ..lifecycle import lifecycle
from .keys import KeySet, KeysUnavailable, fetcher
from .settings import AuthSettings
from .tokens import Caller, InvalidToken, Verifier


def init_app(app: Flask, settings: AuthSettings) -> None:
    """Let nobody pass who is not allowed to; a process without keys is not ready."""
    keys = KeySet(fetcher(settings.jwks_url), settings.keys_max_age_seconds)
    verifier = Verifier(settings, keys)
    lifecycle(app).checks["auth_keys"] = keys.check

    @app.before_request
    def guard() -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        if getattr(view, "public", False):
            return
        g.caller = _authenticate(verifier)
        if view is not None:  # otherwise 404 or 405, which a valid token may learn
            _authorize(g.caller, getattr(view, "scopes", None))


def caller() -> Caller:
    """Give the caller of the current request."""
    found: Caller = g.caller
    return found


class InvalidBearer(Unauthorized):
    """There is no token, or none that proves anything (RFC 6750, 3)."""

    def __init__(self, detail: str, **parameters: str) -> None:
        self._parameters = parameters
        super().__init__(detail)

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Add the challenge; without a token it carries no error."""
        return [*super().get_headers(*args, **kwargs), _challenge(**self._parameters)]


class InsufficientScope(Forbidden):
    """The token is valid, but does not grant what the view wants (RFC 6750, 3.1)."""

    def __init__(self, missing: Set[str]) -> None:
        self._missing = " ".join(sorted(missing))
        super().__init__(f"The token lacks the scope {self._missing}.")

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Add the challenge that names the missing scopes."""
        challenge = _challenge(error="insufficient_scope", scope=self._missing)
        return [*super().get_headers(*args, **kwargs), challenge]


def _challenge(**parameters: str) -> tuple[str, str]:
    # RFC 9110, 11.5: the realm is quoted, always.
    values = {"realm": current_app.name, **parameters}
    quoted = (f"{name}={quote_header_value(text, False)}" for name, text in values.items())
    return "WWW-Authenticate", f"Bearer {', '.join(quoted)}"


def _authenticate(verifier: Verifier) -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidBearer("A bearer token is needed.")
    try:
        return verifier.verify(token.strip())
    except InvalidToken as error:
        detail = str(error)
        raise InvalidBearer(detail, error="invalid_token", error_description=detail) from error
    except KeysUnavailable as error:
        raise ServiceUnavailable(str(error), retry_after=5) from error


def _authorize(who: Caller, needed: frozenset[str] | None) -> None:
    if needed is None:
        raise Forbidden("Nobody may call this: the view names no scopes.")
    if missing := needed - who.scopes:
        raise InsufficientScope(missing)
