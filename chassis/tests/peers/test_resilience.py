import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pybreaker
import pytest

from chassis import context
from chassis.peers import breaker
from chassis.peers.breaker import BREAKER_STATE, CircuitBreaker
from chassis.peers.chain import resilient as chain_of
from chassis.peers.fallback import FallbackResponse
from chassis.peers.messages import (
    ConnectionFailed,
    PeerUnavailable,
    Request,
    Response,
    Transport,
)
from chassis.peers.retry import Retry, RetryBudget
from chassis.peers.settings import PeerCallSettings
from support.clock import Clock

GET = Request("GET", "/")
POST = Request("POST", "/")
POST_WITH_KEY = Request("POST", "/", {"Idempotency-Key": "k"})
OK = Response(200, {}, b"")
CLOSED, HALF_OPEN, OPEN = 0, 1, 2

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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    return clock


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", taken.append)
    return taken


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


@pytest.mark.parametrize("request_", [GET, POST_WITH_KEY], ids=["GET", "POST with key"])
@pytest.mark.parametrize(
    "failure",
    [ConnectionFailed("broken"), answer(429), answer(502), answer(503), answer(504)],
    ids=["connection", "429", "502", "503", "504"],
)
def test_a_repeatable_request_is_retried(
    pauses: list[float], request_: Request, failure: Outcome
) -> None:
    peer = Peer(failure, OK)

    assert resilient(peer).send(request_, 5) is OK
    assert peer.calls == 2
    assert len(pauses) == 1


@pytest.mark.parametrize(
    "failure", [ConnectionFailed("broken"), answer(503)], ids=["connection", "503"]
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_request_that_is_not_repeatable_is_sent_once(method: str, failure: Outcome) -> None:
    peer = Peer(failure, OK)

    with pytest.raises(PeerUnavailable):
        resilient(peer).send(Request(method, "/"), 5)
    assert peer.calls == 1


@pytest.mark.parametrize("status", [200, 304, 400, 401, 403, 404, 409, 422])
def test_other_statuses_are_returned(status: int) -> None:
    peer = Peer(answer(status))

    assert resilient(peer).send(GET, 5).status == status
    assert peer.calls == 1


def test_a_server_error_is_not_retried() -> None:
    peer = Peer(answer(500))

    with pytest.raises(PeerUnavailable, match="it answers 500"):
        resilient(peer).send(GET, 5)
    assert peer.calls == 1


def test_pauses_are_drawn_from_a_growing_range(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda _, longest: longest)

    with pytest.raises(PeerUnavailable):
        resilient(Peer(answer(503)), max_attempts=3, breaker_failures=9).send(GET, 5)
    assert pauses == [0.1, 0.2]


def test_a_pause_respects_retry_after(pauses: list[float]) -> None:
    resilient(Peer(answer(503, retry_after="2"), OK)).send(GET, 5)

    # Not all callers at the same moment.
    assert 2 < pauses[0] <= 2.1


def test_retry_after_may_be_a_date(pauses: list[float]) -> None:
    gone = answer(503, retry_after="Fri, 31 Dec 1999 23:59:59 GMT")

    assert resilient(Peer(gone, OK)).send(GET, 5) is OK
    assert pauses[0] < 1


def test_no_pause_exceeds_the_timeout(pauses: list[float]) -> None:
    peer = Peer(answer(503, retry_after="60"), OK)

    with pytest.raises(PeerUnavailable) as caught:
        resilient(peer).send(GET, 5)
    assert (peer.calls, pauses) == (1, [])
    assert caught.value.retry_after == 60


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("soon", None),
        ("-5", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("9" * 400, 86_400),
    ],
)
def test_an_invalid_retry_after_is_not_passed_on(asked: str, seconds: int | None) -> None:
    with pytest.raises(PeerUnavailable) as caught:
        resilient(Peer(answer(503, retry_after=asked))).send(POST, 5)
    assert caught.value.retry_after == seconds


def test_retries_are_a_fifth_of_first_attempts_at_most(pauses: list[float]) -> None:
    peer = Peer(answer(503))
    transport = resilient(peer, breaker_failures=10_000)
    retry_in(transport)._budget = RetryBudget(0.2)

    for _ in range(1000):
        with pytest.raises(PeerUnavailable):
            transport.send(GET, 5)
    assert 1150 <= peer.calls <= 1200
    assert len(pauses) == peer.calls - 1000


def test_an_attempt_has_what_is_left_of_the_request_s_time() -> None:
    peer = Peer(OK)
    context.start_deadline(40)

    resilient(peer, attempt_timeout_seconds=100).send(GET, 500)
    assert 30 < peer.timeouts[0] <= 40


def test_after_the_deadline_the_peer_is_not_called() -> None:
    peer = Peer(OK)
    context.start_deadline(0)

    with pytest.raises(context.DeadlineExceeded):
        resilient(peer).send(GET, 5)
    assert peer.calls == 0


def test_the_breaker_opens_probes_and_closes(clock: Clock) -> None:
    peer = Peer(ConnectionFailed("broken"))
    transport = resilient(peer, breaker_failures=3, breaker_seconds=60)
    for _ in range(20):
        with pytest.raises(PeerUnavailable):
            transport.send(POST, 5)
    assert peer.calls == 3
    assert state() == OPEN

    clock.now += 61
    with pytest.raises(PeerUnavailable):
        transport.send(POST, 5)
    with pytest.raises(PeerUnavailable, match="circuit breaker is open"):
        transport.send(POST, 5)
    assert peer.calls == 4

    clock.now += 61
    peer.outcomes = [OK]
    assert transport.send(POST, 5) is OK
    assert state() == CLOSED


@pytest.mark.parametrize(
    ("failure", "reason"), [(ConnectionFailed("refused"), "refused"), (answer(503), "status 503")]
)
def test_the_log_says_why_a_circuit_opens(
    failure: Outcome, reason: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    peer = Peer(answer(500), failure)
    transport = resilient(peer, breaker_failures=2, breaker_seconds=60)
    for _ in range(20):
        with pytest.raises(PeerUnavailable):
            transport.send(POST, 5)
    clock.now += 61
    peer.outcomes = [ConnectionFailed("still refused")]
    with pytest.raises(PeerUnavailable):
        transport.send(POST, 5)

    name = "The circuit breaker of inventory is"
    assert [each for each in caplog.messages if each.startswith(name)] == [
        f"{name} open: {reason}",
        f"{name} half-open",
        f"{name} open: still refused",
    ]


def test_a_single_call_probes(clock: Clock) -> None:
    peer = Peer(ConnectionFailed("broken"))
    transport = resilient(peer, breaker_failures=1, breaker_seconds=60)
    with pytest.raises(PeerUnavailable):
        transport.send(POST, 5)
    clock.now += 61
    probing, answered = threading.Event(), threading.Event()
    peer.outcomes = [OK]
    peer.before = waiter(probing, answered)

    probe = threading.Thread(target=transport.send, args=(POST, 5))
    probe.start()
    assert probing.wait(60)
    assert state() == HALF_OPEN
    with pytest.raises(PeerUnavailable, match="circuit breaker is open"):
        transport.send(POST, 5)
    answered.set()
    probe.join()
    assert state() == CLOSED


def test_a_wall_clock_that_is_set_back_keeps_no_circuit_open(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SetBack(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) - timedelta(hours=1)

    peer = Peer(ConnectionFailed("broken"), OK)
    transport = resilient(peer, breaker_failures=1, breaker_seconds=60)
    with pytest.raises(PeerUnavailable):
        transport.send(POST, 5)
    for module in (breaker, pybreaker):
        monkeypatch.setattr(module, "datetime", SetBack)
    clock.now += 61

    assert transport.send(POST, 5) is OK


def test_a_call_with_hardly_any_time_neither_counts_nor_probes(clock: Clock) -> None:
    peer = Peer(ConnectionFailed("not in time"))
    transport = resilient(peer, attempt_timeout_seconds=1000, breaker_failures=1)
    for _ in range(3):
        with pytest.raises(PeerUnavailable, match="no attempt got a response"):
            transport.send(POST, 50)
    assert (peer.calls, state()) == (3, CLOSED)

    with pytest.raises(PeerUnavailable):
        transport.send(POST, 500)
    clock.now += 61
    peer.outcomes = [OK]
    with pytest.raises(PeerUnavailable, match="circuit breaker is open"):
        transport.send(POST, 50)
    assert transport.send(POST, 500) is OK


def test_a_probe_of_a_circuit_that_has_closed_does_not_block_others() -> None:
    asked, answered = threading.Event(), threading.Event()
    circuit = CircuitBreaker("inventory", Peer(OK), PeerCallSettings())

    def slow() -> Response:
        asked.set()
        answered.wait(60)
        return OK

    late = threading.Thread(target=circuit._probe, args=(slow, True))
    late.start()
    assert asked.wait(60)
    others = threading.Thread(target=circuit.send, args=(GET, 5))
    others.start()
    others.join(30)
    assert not others.is_alive()
    answered.set()
    late.join()


def test_calls_pass_the_breaker_concurrently() -> None:
    together = threading.Barrier(4, timeout=60)
    transport = resilient(Peer(OK, before=together.wait))

    assert in_threads(4, lambda: transport.send(GET, 5)) == [OK] * 4


@pytest.mark.parametrize("status", [400, 404, 429])
def test_the_breaker_does_not_count_client_errors(status: int) -> None:
    peer = Peer(answer(status))
    transport = resilient(peer, breaker_failures=1)

    for _ in range(3):
        with suppress(PeerUnavailable):
            transport.send(POST, 5)
    assert (peer.calls, state()) == (3, CLOSED)


def test_excess_concurrent_calls_are_rejected_at_once() -> None:
    waiting, done = threading.Event(), threading.Event()
    peer = Peer(OK, before=waiter(waiting, done))
    transport = resilient(peer, max_concurrent_calls=1)

    first = threading.Thread(target=transport.send, args=(GET, 5))
    first.start()
    assert waiting.wait(60)
    with pytest.raises(PeerUnavailable, match="too many calls"):
        transport.send(GET, 5)
    done.set()
    first.join()
    assert peer.calls == 1


def test_a_fallback_answers_instead() -> None:
    def fallback(request: Request, error: PeerUnavailable) -> Response:
        assert (request, error.peer) == (GET, "inventory")
        return Response(200, {}, b"remembered")

    transport = resilient(Peer(answer(500)), fallback)

    assert transport.send(GET, 5).body == b"remembered"


def waiter(reached: threading.Event, go_on: threading.Event) -> Callable[[], bool]:
    """Return a function that sets one event and waits for another."""

    def wait() -> bool:
        reached.set()
        return go_on.wait(60)

    return wait


def state() -> float:
    return float(BREAKER_STATE.labels("inventory")._value.get())


def in_threads(count: int, work: Callable[[], Response]) -> list[Response]:
    found: list[Response] = []
    threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
