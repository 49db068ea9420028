import threading
from typing import Any

import pytest

from chassis.discovery.resolution.fixed import FixedResolver
from chassis.peers import PeerCallSettings
from chassis.peers.chain import chain
from chassis.peers.connections import PlaintextPools
from chassis.peers.messages import PeerUnavailable, Request, Response
from support.peer_chain import GET, OK, Peer, answer, resilient, waiter


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


def test_a_call_passes_the_links_in_order() -> None:
    settings = PeerCallSettings()
    resolver, pools = FixedResolver("http://inventory:8000"), PlaintextPools(4)
    links: list[str] = []

    link: Any = chain("inventory", resolver, pools, settings, lambda *_: OK)
    while link:
        links.append(type(link).__name__)
        link = vars(link).get("_transport") or vars(link).get("_exchange")

    assert links == [
        "Fallback",
        "Bulkhead",
        "Retry",
        "CircuitBreaker",
        "LoadBalancer",
        "Instrumented",
        "HttpExchange",
    ]
