"""Fallback: another response when a peer is unavailable."""

from collections.abc import Callable

from .messages import PeerUnavailable, Request, Response, Transport

FallbackResponse = Callable[[Request, PeerUnavailable], Response]


class Fallback:
    """Answers with a substitute when the peer is unavailable."""

    def __init__(self, transport: Transport, respond: FallbackResponse) -> None:
        self._transport = transport
        self._respond = respond

    def send(self, request: Request, timeout: float) -> Response:
        """Return the peer's response, or the substitute."""
        try:
            return self._transport.send(request, timeout)
        except PeerUnavailable as error:
            return self._respond(request, error)
