"""A calls B, and B fails in every way: the requests that B gets, and what A's callers get."""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.support.faults import CUT, HANG, PASS, REFUSE, RESET, Faults, at_random
from tests.support.issuer import Issuer
from tests.support.running import Project, Service, elapsed
from tests.support.services import Fleet, add_view

# Calls the peer, as two use cases would: a read and a write.
ASKS = """
from uuid import UUID

from flask import Blueprint, Flask, request

from ..bootstrap import Adapters
from ..chassis.auth import public


def install(app: Flask, adapters: Adapters) -> None:
    pages = Blueprint("asks", __name__)
    stock = adapters.clients.stock

    @pages.get("/stock/<uuid:wanted>")
    @public
    def read(wanted: UUID) -> dict[str, bool]:
        return {"found": stock.get(wanted) is not None}

    @pages.post("/stock")
    @public
    def change() -> dict[str, int]:
        key = request.headers.get("Idempotency-Key")
        found = stock._client.request(
            "POST", "/api/v1/stocks", json=request.get_json(), expect=(201,), idempotency_key=key
        )
        return {"status": found.status}

    app.register_blueprint(pages)
"""


@dataclass
class Pair:
    """A, B, and a faulty proxy between them."""

    fleet: Fleet
    project: Project
    issuer: Issuer
    between: Faults
    b: Service


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """B, and a proxy in front of it that can fail."""
    fleet = Fleet(tmp_path_factory.mktemp("pair"))
    a, b = fleet.render("orders", depends_on="stock"), fleet.render("stock")
    add_view(a, "asks", ASKS)
    with (
        Issuer() as issuer,
        fleet.serve(b, issuer, WEB_THREADS="8") as service,
        Faults(service.port, service.token) as between,
    ):
        yield Pair(fleet, a, issuer, between, service)


@pytest.fixture
def a(pair: Pair) -> Iterator[Service]:
    """A fresh A: its circuit is closed and nothing is cached."""
    with start_a(pair) as service:
        yield service


@pytest.fixture
def a_that_goes_on(pair: Pair) -> Iterator[Service]:
    """An A whose circuit never opens, so that each call fails by itself."""
    with start_a(pair, PEER_BREAKER_FAILURES="1000000") as service:
        yield service


@contextmanager
def start_a(pair: Pair, **environment: str) -> Iterator[Service]:
    """Start A."""
    pair.between.fault = lambda: PASS
    given = {"STOCK_URL": pair.between.url, "WEB_THREADS": "8", **environment}
    with pair.fleet.serve(pair.project, pair.issuer, **given) as service:
        pair.between.seen.clear()
        pair.between.bodies.clear()
        yield service


def read(a: Service) -> int:
    """Read a missing resource through A, and return the status."""
    return a.get(f"/stock/{uuid4()}").status


def test_b_down_under_load(pair: Pair, a: Service) -> None:
    """The long variant below lasts a minute."""
    down(pair, a, seconds=6)


@pytest.mark.long
def test_b_down_for_a_minute_under_load(pair: Pair, a: Service) -> None:
    down(pair, a, seconds=60)


def down(pair: Pair, a: Service, seconds: float) -> None:
    """Stop B for some time under load, and check both sides."""
    load = Load(lambda: read(a))
    load.run(2)
    assert set(load.statuses) == {200}
    before = calls(a)

    pair.between.stop()
    load.clear()
    load.run(seconds)
    attempts, requests = calls(a) - before, load.count
    median = statistics.median(load.seconds)
    print(f"\nB down for {seconds} s: {requests} requests, {attempts} attempts")
    print(f"({attempts / requests:.3f} a request), median answer {median * 1000:.1f} ms")
    assert set(load.statuses) == {503}
    assert attempts <= 1.2 * requests
    assert first_open(a) <= 10
    assert median < 0.05

    pair.between.start()
    back = time.monotonic()
    while read(a) != 200:
        assert time.monotonic() - back < 5, "the circuit is still open"
        time.sleep(0.05)
    print(f"closed {time.monotonic() - back:.2f} s after B's return")
    assert state(a) == 0
    assert a.bugs() == []


def test_at_most_a_fifth_more_calls_while_b_fails_now_and_then(
    pair: Pair, a_that_goes_on: Service
) -> None:
    pair.between.fault = at_random(PASS, PASS, REFUSE)
    requests = 500

    statuses = Counter(read(a_that_goes_on) for _ in range(requests))

    seen = pair.between.seen["GET"]
    print(f"\n{requests} requests, {seen} calls ({seen / requests:.3f}); {dict(statuses)}")
    assert seen <= 1.2 * requests
    assert set(statuses) <= {200, 503}


def test_a_post_without_key_is_sent_once(pair: Pair, a_that_goes_on: Service) -> None:
    pair.between.fault = at_random(PASS, PASS, PASS, PASS, RESET, CUT, REFUSE)

    tries = 1000
    statuses = Counter(
        a_that_goes_on.post({"name": f"No. {i}"}, "/stock").status for i in range(tries)
    )

    often = Counter(pair.between.bodies.values())
    never = tries - sum(often.values())
    print(f"\n{tries} tries: {dict(statuses)}; arrived how often: {dict(often)}, never: {never}")
    assert set(often) == {1}
    assert set(statuses) <= {200, 503}
    assert never == 0, "each was sent"


def test_a_post_with_a_key_has_one_effect(pair: Pair, a_that_goes_on: Service) -> None:
    pair.between.fault = at_random(PASS, PASS, PASS, PASS, PASS, CUT)

    names = [f"Once {i}" for i in range(100)]
    for name in names:
        a_that_goes_on.post({"name": name}, "/stock", headers={"Idempotency-Key": name})

    assert max(pair.between.bodies.values()) > 1, "some were sent again"
    made = Counter(name for name in all_names(pair.b) if name in names)
    assert set(made.values()) == {1}


def test_a_silent_peer_costs_its_timeout_only(pair: Pair, a: Service) -> None:
    pair.between.fault = lambda: HANG

    answer, seconds = elapsed(lambda: a.get(f"/stock/{uuid4()}"))

    print(f"\na peer that hangs: {answer.status} after {seconds:.2f} s")
    assert answer.status == 503
    assert seconds < 30  # its timeout is 5 s


def all_names(b: Service) -> Iterator[str]:
    """Yield the names of all resources of B, page by page."""
    cursor = ""
    while cursor is not None:
        page = b.get(f"/api/v1/stocks?limit=200{cursor and f'&cursor={cursor}'}").json()
        yield from (item["name"] for item in page["items"])
        cursor = page["next_cursor"]


def calls(a: Service) -> int:
    """Return the number of calls from A to B."""
    return metric(a, "http_client_request_duration_seconds_count")


def state(a: Service) -> int:
    """Return the state of A's circuit breaker."""
    return metric(a, "circuit_breaker_state")


def metric(a: Service, name: str) -> int:
    lines = a.get("/metrics", token=None).body.decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(f"{name}{{"))


def first_open(a: Service) -> int:
    """Return the number of failed calls before the circuit first opened."""
    failures = 0
    for line in a.log():
        if "circuit breaker of stock is open" in line["message"]:
            return failures
        failures += line["message"].endswith("503")
    raise AssertionError("it never opened")


class Load:
    """Four callers that send requests with short pauses."""

    def __init__(self, call: Callable[[], int]) -> None:
        self._call = call
        self.clear()

    def clear(self) -> None:
        """Forget earlier responses."""
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []

    @property
    def count(self) -> int:
        """Return the number of responses."""
        return len(self.seconds)

    def run(self, seconds: float) -> None:
        """Send requests for some seconds."""
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self._ask, args=(until,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, until: float) -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            status = self._call()
            self.seconds.append(time.monotonic() - began)
            self.statuses[status] += 1
            time.sleep(0.02)
