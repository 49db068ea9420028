"""Requests to peers, their responses, and the transports between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from werkzeug.exceptions import BadGateway, ServiceUnavailable

from ..discovery import Instance

IDEMPOTENCY_HEADER = "Idempotency-Key"
_IDEMPOTENT_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT"})  # RFC 9110, 9.2.2


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `target` is a path, with its query."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def repeatable(self) -> bool:
        """Return whether sending it twice has the same effect as sending it once."""
        return self.method in _IDEMPOTENT_METHODS or IDEMPOTENCY_HEADER in self.headers


@dataclass(frozen=True, slots=True)
class Response:
    """A response, read to its end; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends requests to a peer."""

    def send(self, request: Request, timeout: float) -> Response:
        """Return the response, whatever its status.

        Raises:
            ConnectionFailed: there was none within `timeout` seconds.
            PeerUnavailable: the peer was not asked.
        """


class Exchange(Protocol):
    """Sends one request to one instance."""

    def send(self, instance: Instance, request: Request, timeout: float) -> Response:
        """Return the response, whatever its status.

        Raises:
            ConnectionFailed: there was none within `timeout` seconds.
            UnexpectedAnswer: it was too large.
        """


class ConnectionFailed(Exception):
    """The peer could not be reached, closed the connection, or took too long."""


class PeerUnavailable(ServiceUnavailable):
    """A peer cannot answer now; uncaught, it becomes this service's own 503."""

    def __init__(self, peer: str, reason: str, retry_after: float | None = None) -> None:
        self.peer = peer
        seconds = None if retry_after is None else max(1, round(retry_after))
        super().__init__(f"{peer} cannot answer: {reason}.", retry_after=seconds)


class UnexpectedAnswer(BadGateway):
    """A peer's response is unusable; uncaught, it becomes this service's own 502."""

    def __init__(self, peer: str, problem: str) -> None:
        self.peer = peer
        super().__init__(f"{peer} answered {problem}.")
