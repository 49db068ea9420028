"""A -> B -> C: the deadline of the first caller limits all of them."""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.issuer import Issuer
from tests.support.running import Service, at_once, elapsed
from tests.support.services import Fleet, add_view

BUDGET_MS, ANSWERED_WITHIN_SECONDS = 500, 0.55

# Calls the peer, as a use case would.
PASSES_ON = """
from flask import Blueprint, Flask

from ..bootstrap import Adapters
from ..chassis.auth import public


def install(app: Flask, adapters: Adapters) -> None:
    pages = Blueprint("pass_on", __name__)

    @pages.get("/pass-on")
    @public
    def pass_on() -> bytes:
        peer = adapters.clients.{peer}._client
        return peer.request("GET", "/pass-on", expect=(200,)).body

    app.register_blueprint(pages)
"""

# Works in small steps until the deadline.
WORKS = """
import time

from flask import Blueprint, Flask, request

from ..bootstrap import Adapters
from ..chassis import context
from ..chassis.auth import public
from ..chassis.context import TIMEOUT_HEADER


def install(app: Flask, adapters: Adapters) -> None:
    pages = Blueprint("works", __name__)
    seen = []

    @pages.get("/pass-on")
    @public
    def works() -> str:
        began = time.monotonic()
        note = {"offered_ms": request.headers.get(TIMEOUT_HEADER)}
        seen.append(note)
        while time.monotonic() - began < 3:
            now = time.monotonic()
            context.check_deadline()
            note["worked_ms"] = (now - began) * 1000
            time.sleep(0.005)
        return "done"

    @pages.get("/seen")
    @public
    def what_was_seen() -> list[dict[str, float]]:
        return seen

    app.register_blueprint(pages)
"""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    """Three running services: A calls B, B calls C."""
    fleet = Fleet(tmp_path_factory.mktemp("chain"))
    first, second = (
        fleet.render("checkout", depends_on="orders"),
        fleet.render("orders", depends_on="stock"),
    )
    third = fleet.render("stock")
    add_view(first, "pass_on", PASSES_ON.format(peer="orders"))
    add_view(second, "pass_on", PASSES_ON.format(peer="stock"))
    add_view(third, "works", WORKS)
    with Issuer() as issuer, ExitStack() as running:
        # Five consecutive timeouts would open the circuit, which other tests cover.
        patient = {"PEER_BREAKER_FAILURES": "1000"}
        c = running.enter_context(fleet.serve(third, issuer))
        there = {"STOCK_URL": f"http://127.0.0.1:{c.port}", **patient}
        b = running.enter_context(fleet.serve(second, issuer, **there))
        there = {"ORDERS_URL": f"http://127.0.0.1:{b.port}", **patient}
        a = running.enter_context(fleet.serve(first, issuer, **there))
        yield {"a": a, "b": b, "c": c}


def test_a_deadline_is_propagated_and_no_work_outlives_it(chain: dict[str, Service]) -> None:
    budget = {"X-Request-Timeout-Ms": str(BUDGET_MS)}
    chain["a"].get("/pass-on", headers=budget)  # open the connections
    before = len(chain["c"].get("/seen").json())

    took = []
    for _ in range(5):
        answer, seconds = elapsed(lambda: chain["a"].get("/pass-on", headers=budget))
        assert answer.status == 504, answer.body
        assert answer.json()["code"] == "deadline_exceeded"
        took.append(seconds)

    seen = chain["c"].get("/seen").json()[before:]
    offered = [int(each["offered_ms"]) for each in seen]
    worked = [each["worked_ms"] for each in seen]
    print(f"A answered in {min(took):.3f} to {max(took):.3f} s; C was offered {offered} ms,")
    print(f"and worked for {[round(each) for each in worked]} ms")
    assert len(seen) == 5, "no retry without time for it"
    assert all(0 < each < BUDGET_MS for each in offered)
    assert all(each <= BUDGET_MS for each in worked)
    assert statistics.median(took) <= ANSWERED_WITHIN_SECONDS


def test_without_a_deadline_services_use_their_own(chain: dict[str, Service]) -> None:
    # Given enough time, C would return 200.
    assert chain["a"].get("/pass-on").status in {503, 504}


def test_many_requests_that_all_end_in_time(chain: dict[str, Service]) -> None:
    budget = {"X-Request-Timeout-Ms": str(BUDGET_MS)}
    calls = [lambda: chain["a"].get("/pass-on", headers=budget)] * 4

    answers = [answer for _ in range(3) for answer in at_once(calls)]

    assert {answer.status for answer in answers} <= {503, 504}
    assert chain["a"].bugs() == chain["b"].bugs() == chain["c"].bugs() == []
