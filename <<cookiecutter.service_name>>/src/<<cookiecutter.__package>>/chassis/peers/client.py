"""The client of a peer: typed requests out, validated responses back."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from ..context import REQUEST_ID_HEADER, request_id
from ..discovery.resolution import Resolver
from ..discovery.resolution.fixed import FixedResolver
from .chain import chain
from .connections import Pools
from .fallback import FallbackResponse
from .messages import IDEMPOTENCY_HEADER, Request, Response, Transport, UnexpectedAnswer
from .settings import PeerCallSettings, PeerSettings
from .tokens import TokenSource

Model = TypeVar("Model", bound=BaseModel)


class PeerClient:
    """Sends requests to one service, with token and request id."""

    def __init__(
        self,
        name: str,
        transport: Transport,
        tokens: TokenSource,
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
        """Call the peer; `expect` lists the statuses that the caller handles.

        A POST is retried only with an `idempotency_key`.

        Raises:
            PeerUnavailable: it cannot answer now (connection, 429, 5xx, circuit breaker open).
            UnexpectedAnswer: it answered, but with another status, or too much.
            TokenUnavailable: the identity provider gives no token for it.
            DeadlineExceeded: the time of the current request is up.
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
        """Return the body of a response as a model.

        Raises:
            UnexpectedAnswer: the body does not fit the model.
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
        if current := request_id():
            headers[REQUEST_ID_HEADER] = current
        return headers


class PeerClients:
    """Creates the clients of peers, which share resolver, connections and tokens."""

    def __init__(
        self,
        settings: PeerCallSettings,
        resolver: Resolver,
        pools: Pools,
        tokens: TokenSource,
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._pools = pools
        self._tokens = tokens

    def client(
        self, name: str, settings: PeerSettings, fallback: FallbackResponse | None = None
    ) -> PeerClient:
        """Return the client of a peer, resolved unless its settings have a fixed `url`."""
        resolver = FixedResolver(settings.url) if settings.url else self._resolver
        transport = chain(name, resolver, self._pools, self._settings, fallback)
        timeout = self._settings.timeout_seconds
        return PeerClient(name, transport, self._tokens, timeout, settings.scope)
