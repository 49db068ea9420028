"""The guard in front of every view."""

from typing import Any

from flask import Flask, current_app, g, request
from werkzeug.exceptions import Forbidden, ServiceUnavailable, Unauthorized
from werkzeug.http import quote_header_value

from ..lifecycle import lifecycle
from ..settings import Settings
from . import access
from .keys import KeySet, KeysUnavailable, fetcher
from .settings import AuthSettings
from .verifier import Caller, InvalidToken, Verifier


def init_app(app: Flask, settings: Settings) -> None:
    """Require an allowed caller for every view; a process without keys is not ready."""
    auth = settings[AuthSettings]
    keys = KeySet(fetcher(auth), auth.keys_max_age_seconds)
    verifier = Verifier(auth, keys)
    lifecycle(app).checks["auth_keys"] = keys.check

    @app.before_request
    def guard() -> None:
        if access.is_public(app, request.endpoint):
            return
        g.caller = _authenticate(verifier)
        if request.endpoint:  # otherwise 404 or 405, which a valid token may learn
            _authorize(g.caller, access.rules(app).get(request.endpoint))


def caller() -> Caller:
    """Return the caller of the current request."""
    found: Caller = g.caller
    return found


class InvalidBearer(Unauthorized):
    """The token is missing or invalid (RFC 6750, 3)."""

    def __init__(self, detail: str, **parameters: str) -> None:
        self._parameters = parameters
        super().__init__(detail)

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Add the challenge; without a token it carries no error."""
        return [*super().get_headers(*args, **kwargs), _challenge(**self._parameters)]


class InsufficientScope(Forbidden):
    """The token is valid, but lacks the scope that the view requires (RFC 6750, 3.1)."""

    def __init__(self, missing: str) -> None:
        self._missing = missing
        super().__init__(f"The token lacks the scope {missing}.")

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Add the challenge that names the missing scope."""
        challenge = _challenge(error="insufficient_scope", scope=self._missing)
        return [*super().get_headers(*args, **kwargs), challenge]


class CallerNotAllowed(Forbidden):
    """The token is valid, but the policy does not allow its client."""

    problem_code = "caller_not_allowed"

    def __init__(self, client: str | None) -> None:
        who = f"The client {client}" if client else "A token that names no client"
        super().__init__(f"{who} is not an allowed caller.")


def _challenge(**parameters: str) -> tuple[str, str]:
    # RFC 9110, 11.5: the realm is always quoted.
    values = {"realm": current_app.name, **parameters}
    quoted = (f"{name}={quote_header_value(text, False)}" for name, text in values.items())
    return "WWW-Authenticate", f"Bearer {', '.join(quoted)}"


def _authenticate(verifier: Verifier) -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidBearer("A bearer token is required.")
    try:
        return verifier.verify(token.strip())
    except InvalidToken as error:
        detail = str(error)
        raise InvalidBearer(detail, error="invalid_token", error_description=detail) from error
    except KeysUnavailable as error:
        raise ServiceUnavailable(str(error), retry_after=5) from error


def _authorize(who: Caller, rule: access.Rule | None) -> None:
    if rule is None:
        raise Forbidden("The policy has no rule for this view, so it is denied.")
    if who.client not in rule.callers:
        raise CallerNotAllowed(who.client)
    if rule.scope not in who.scopes:
        raise InsufficientScope(rule.scope)
