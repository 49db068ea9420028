"""A peer as its client sees it: a request goes out, a response comes back."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import g, has_app_context
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from ..discovery import Directory
from ..discovery.fixed_peers import Fixed
from ..logs import REQUEST_ID_HEADER
from ..resilience import Fallback, Resilient
from . import http
from .balance import Balanced
from .measure import measured
from .messages import IDEMPOTENCY_HEADER, Request, Response, Transport, UnexpectedAnswer
from .settings import PeerSettings, PeersSettings
from .tokens import Tokens

Model = TypeVar("Model", bound=BaseModel)


class Peer:
    """Sends requests to one service, with what it wants to know of every caller."""

    def __init__(
        self,
        name: str,
        transport: Transport,
        tokens: Tokens,
        timeout: float,
        scope: str = "",
    ) -> None:
        self._name = name
        self._transport = transport
        self._tokens = tokens
        self._timeout = timeout
        self._scope = scope

    def request(
        self,
        method: str,
        path: str,
        *,
        expect: tuple[int, ...],
        query: Mapping[str, str] | None = None,
        json: Any = None,
        idempotency_key: str | None = None,
    ) -> Response:
        """Call it; `expect` lists the statuses that the caller can do something with.

        A POST is retried only with an `idempotency_key`.

        Raises:
            PeerUnavailable: it can't answer for now (connection, 429, 5xx, circuit breaker open).
            UnexpectedAnswer: it answered, but with another status, or too much.
            TokenUnavailable: the identity provider gives no token for it.
            DeadlineExceeded: the time of the request that this call serves is up.
        """
        headers = self._headers(idempotency_key)
        body = None
        if json is not None:
            headers["Content-Type"] = "application/json"
            body = to_json(json)
        target = f"{path}?{urlencode(query)}" if query else path
        request = Request(method, target, headers, body)
        response = self._transport.send(request, self._timeout)
        if response.status == 401:
            self._tokens.forget(self._name)
        if response.status not in expect:
            raise UnexpectedAnswer(self._name, f"{method} {path} with {response.status}")
        return response

    def read(self, model: type[Model], response: Response) -> Model:
        """Give what a response says, as this service understands it.

        Raises:
            UnexpectedAnswer: it says something else.
        """
        try:
            return model.model_validate_json(response.body)
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
            raise UnexpectedAnswer(self._name, f"without a usable {wrong or 'body'}") from error

    def _headers(self, idempotency_key: str | None) -> dict[str, str]:
        headers = {"Accept": "application/json, application/problem+json"}
        if token := self._tokens.token(self._name, self._scope):
            headers["Authorization"] = f"Bearer {token}"
        if idempotency_key:
            headers[IDEMPOTENCY_HEADER] = idempotency_key
        if has_app_context() and "request_id" in g:
            headers[REQUEST_ID_HEADER] = g.request_id
        return headers


class Peers:
    """Makes peers; they share directory, connections and tokens."""

    def __init__(
        self,
        settings: PeersSettings,
        directory: Directory,
        pools: http.Pools,
        tokens: Tokens,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._pools = pools
        self._tokens = tokens

    def peer(self, name: str, settings: PeerSettings, fallback: Fallback | None = None) -> Peer:
        """Make a peer, found in the directory unless its settings have a fixed `url`."""
        directory = Fixed(settings.url) if settings.url else self._directory

        def send(*arguments: Any) -> Response:
            try:
                return http.send(self._pools.pool(name), *arguments)
            except http.TooLargeError as error:
                raise UnexpectedAnswer(name, str(error)) from error

        balanced = Balanced(
            name,
            lambda: directory.instances(name),
            measured(name, send),
            self._settings.set_aside_seconds,
        )
        transport = Resilient(name, balanced, self._settings, fallback)
        timeout = self._settings.timeout_seconds
        return Peer(name, transport, self._tokens, timeout, settings.scope)
