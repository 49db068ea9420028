import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest

from chassis.discovery import Instance
from chassis.peers import load_balancer
from chassis.peers.load_balancer import LoadBalancer
from chassis.peers.messages import ConnectionFailed, PeerUnavailable, Request, Response
from support.exchange import Exchange, Instances

GET = Request("GET", "/things?limit=1", {"X-Test": "yes"})
OK = Response(200, {}, b"")
ONE, TWO = Instance("http", "one", 80), Instance("http", "two", 80)


def balanced(
    send: Callable[[Instance], Response], instances: Sequence[Instance] = (ONE, TWO)
) -> LoadBalancer:
    exchange = Exchange(lambda instance, _: send(instance))
    return LoadBalancer("inventory", Instances(instances), exchange, 60)


def _outcome(transport: LoadBalancer) -> Response | None:
    try:
        return transport.send(GET, 1)
    except ConnectionFailed:
        return None


def test_a_failing_instance_is_ejected_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Instance] = []

    def send(instance: Instance) -> Response:
        asked.append(instance)
        if instance == ONE:
            raise ConnectionFailed("broken")
        return OK

    transport = balanced(send)
    while ONE not in asked:
        failed = _outcome(transport)
    assert failed is None
    asked.clear()

    assert [_outcome(transport) for _ in range(10)] == [OK] * 10
    assert set(asked) == {TWO}
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 61)
    monkeypatch.setattr(load_balancer, "time", later)
    while ONE not in asked:
        _outcome(transport)


def test_with_all_instances_ejected_all_are_used() -> None:
    transport = balanced(lambda _: Response(503, {}, b""))

    assert [transport.send(GET, 1).status for _ in range(4)] == [503] * 4


def test_the_instance_with_the_least_pending_requests_is_chosen() -> None:
    busy, done = threading.Event(), threading.Event()
    asked: list[Instance] = []

    def send(instance: Instance) -> Response:
        asked.append(instance)
        if len(asked) == 1:
            busy.set()
            done.wait(60)
        return OK

    transport = balanced(send)
    slow = threading.Thread(target=transport.send, args=(GET, 5))
    slow.start()
    assert busy.wait(60)
    for _ in range(10):
        transport.send(GET, 1)
    done.set()
    slow.join()
    assert set(asked[1:]) == {ONE, TWO} - {asked[0]}


def test_without_an_instance_the_peer_is_unavailable() -> None:
    with pytest.raises(PeerUnavailable, match="no known instance"):
        balanced(lambda _: OK, ()).send(GET, 1)
