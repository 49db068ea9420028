"""More requests than the service can serve: some are served, the rest get 503 at once."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.http import Answer
from tests.support.running import Place, Service, at_once, elapsed

WORKING, WAITING, CALLERS = 4, 8, 100
ENVIRONMENT = {
    "WEB_THREADS": str(WORKING),
    "WEB_QUEUE": str(WAITING),
    # Longer than any test; slow requests end when the test ends them.
    "DATABASE_TIMEOUT_SECONDS": "120",
    "REQUEST_TIMEOUT_SECONDS": "120",
}
# Time for a response without any work, on a busy machine.
AT_ONCE = 5.0

Asked = Future[tuple[Answer, float]]


class Callers:
    """Callers that send a slow request at the same time."""

    def __init__(self, service: Service, number: int, headers: dict[str, str]) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(number)
        ask = partial(service.post, {"name": "Overload"}, headers=headers, timeout=120)
        self._asked = [self._threads.submit(elapsed, ask) for _ in range(number)]

    def answered(self, number: int) -> Sequence[tuple[Answer, float]]:
        """Return the first responses, with their durations."""
        self._service.wait_for(lambda: sum(map(Asked.done, self._asked)) >= number, "answers")
        return [each.result() for each in self._asked if each.done()]

    def all_answered(self) -> list[tuple[Answer, float]]:
        """Return all responses."""
        self._threads.shutdown()
        return [each.result() for each in self._asked]


@pytest.fixture
def service(default_place: Place) -> Iterator[Service]:
    """The service with a few threads and a short queue."""
    with default_place.serve(**ENVIRONMENT) as service:
        yield service
        assert not service.bugs()


def test_excess_requests_are_rejected_at_once(service: Service, default_place: Place) -> None:
    with _slow_writes(default_place):
        callers = Callers(service, CALLERS, {})
        refused = callers.answered(CALLERS - WORKING - WAITING)
        for _ in range(10):
            for path in ("/health/live", "/health/ready", "/metrics"):
                answer, took = elapsed(partial(service.get, path, token=None))
                assert answer.status == 200
                assert took < AT_ONCE
        assert len(callers.answered(0)) == CALLERS - WORKING - WAITING
        assert _metric(service, "http_server_requests_waiting") == WAITING
    answers = callers.all_answered()

    for answer, took in refused:
        assert (answer.status, answer.json()["code"]) == (503, "overloaded")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0
        assert took < 2 * AT_ONCE  # includes the start of a hundred threads of the test
    statuses = Counter(answer.status for answer, _ in answers)
    assert statuses == {201: WORKING + WAITING, 503: CALLERS - WORKING - WAITING}
    assert _metric(service, "http_server_requests_shed_total") == statuses[503]
    assert _metric(service, "http_server_requests_waiting") == 0
    again = at_once([partial(service.post, {"name": "Afterwards"})] * WORKING)
    assert [answer.status for answer in again] == [201] * WORKING


def test_no_request_waits_longer_than_the_deadline(service: Service, default_place: Place) -> None:
    before = _orders(default_place)
    with _slow_writes(default_place):
        callers = Callers(service, WORKING + WAITING, {"X-Request-Timeout-Ms": "500"})
        answers = callers.all_answered()

    statuses = Counter(answer.status for answer, _ in answers)
    assert set(statuses) <= {503, 504}, statuses
    assert statuses[504] >= WORKING
    assert all(0.4 < took < 0.5 + AT_ONCE for _, took in answers)
    assert service.post({"name": "Afterwards"}).status == 201
    assert _orders(default_place) == before + 1


def test_sigterm_while_overloaded(default_place: Place) -> None:
    with default_place.serve(**ENVIRONMENT, SHUTDOWN_DRAIN_SECONDS="5") as service:
        with _slow_writes(default_place):
            callers = Callers(service, CALLERS, {})
            callers.answered(CALLERS - WORKING - WAITING)

            service.terminate()
            service.wait_for(lambda: not service.is_ready(), "draining", 5)
            late = service.post({"name": "Late"})
            assert (late.status, late.headers["Connection"]) == (503, "close")
            time.sleep(5)  # longer than the drain period
        statuses = Counter(answer.status for answer, _ in callers.all_answered())

        assert statuses == {201: WORKING + WAITING, 503: CALLERS - WORKING - WAITING}
        assert service.exit_code(60) == 0
        assert not service.bugs()


@contextmanager
def _slow_writes(place: Place) -> Iterator[None]:
    """Block all writes inside the context; reads continue."""
    with psycopg.connect(place.database_url) as other:
        other.execute("LOCK TABLE orders IN SHARE MODE")
        yield
        other.rollback()


def _orders(place: Place) -> int:
    with psycopg.connect(place.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM orders").fetchone()
    return int(row[0]) if row else 0


def _metric(service: Service, name: str) -> float:
    families = text_string_to_metric_families(service.get("/metrics", token=None).body.decode())
    [value] = [s.value for family in families for s in family.samples if s.name == name]
    return value
