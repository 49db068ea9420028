import pytest

from chassis import context
from chassis.peers.messages import ConnectionFailed, PeerUnavailable, Request
from chassis.peers.retry import RetryBudget
from support.peer_chain import (
    GET,
    OK,
    POST,
    POST_WITH_KEY,
    Outcome,
    Peer,
    answer,
    resilient,
    retry_in,
)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", taken.append)
    return taken


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


@pytest.mark.parametrize("failure", [ConnectionFailed("broken"), answer(503)], ids=["connection", "503"])
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
