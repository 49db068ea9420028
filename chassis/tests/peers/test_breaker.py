import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pybreaker
import pytest

from chassis.peers import breaker
from chassis.peers.breaker import BREAKER_STATE, CircuitBreaker
from chassis.peers.messages import ConnectionFailed, PeerUnavailable, Response
from chassis.peers.settings import PeerCallSettings
from support.clock import Clock
from support.peer_chain import GET, OK, POST, Outcome, Peer, answer, resilient, waiter

CLOSED, HALF_OPEN, OPEN = 0, 1, 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    return clock


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
