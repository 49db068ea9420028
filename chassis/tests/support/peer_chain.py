"""A peer with prepared outcomes, and the chain to it."""

import threading
from collections.abc import Callable
from typing import Any

from chassis.peers.chain import resilient as chain_of
from chassis.peers.fallback import FallbackResponse
from chassis.peers.messages import Request, Response, Transport
from chassis.peers.retry import Retry
from chassis.peers.settings import PeerCallSettings

GET = Request("GET", "/")
POST = Request("POST", "/")
POST_WITH_KEY = Request("POST", "/", {"Idempotency-Key": "k"})
OK = Response(200, {}, b"")
Outcome = Response | Exception


class Peer:
    """Answers each call with the next outcome, then repeats the last; records the timeouts."""

    def __init__(self, *outcomes: Outcome, before: Callable[[], object] = lambda: None) -> None:
        self.outcomes = list(outcomes)
        self.before = before
        self.timeouts: list[float] = []

    def send(self, request: Request, timeout: float) -> Response:
        assert isinstance(request, Request)
        self.timeouts.append(timeout)
        self.before()
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def calls(self) -> int:
        return len(self.timeouts)


def resilient(peer: Peer, fallback: FallbackResponse | None = None, **given: Any) -> Transport:
    """Return the chain to a peer, with a budget for two retries."""
    names = {name: field.alias for name, field in PeerCallSettings.model_fields.items()}
    settings = PeerCallSettings.model_validate({names[name]: each for name, each in given.items()})
    transport = chain_of("inventory", peer, settings, fallback)
    retry = retry_in(transport)
    for _ in range(10):
        retry._budget.earn()
    return transport


def retry_in(transport: Any) -> Retry:
    """Return the link of the chain that retries."""
    while not isinstance(transport, Retry):
        transport = transport._transport
    return transport


def answer(status: int, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): text for name, text in headers.items()}, b"")


def waiter(reached: threading.Event, go_on: threading.Event) -> Callable[[], bool]:
    """Return a function that sets one event and waits for another."""

    def wait() -> bool:
        reached.set()
        return go_on.wait(60)

    return wait
