"""A database that stops and starts again under the running service."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from urllib.parse import urlsplit

from tests.support.http import ORDERS, Answer
from tests.support.proxy import Proxy
from tests.support.running import Place, Service, at_once, elapsed
from tests.support.servers.database import Database

# Configured timeouts, and tolerance for a busy machine: shorter than the defaults.
DATABASE_TIMEOUT, REQUEST_TIMEOUT, SLACK = 2, 4, 5
TIMEOUTS = {
    "DATABASE_TIMEOUT_SECONDS": str(DATABASE_TIMEOUT),
    "REQUEST_TIMEOUT_SECONDS": str(REQUEST_TIMEOUT),
}
# A read, a write, and a write with an idempotency key.
REQUESTS: tuple[tuple[str, dict[str, str] | None, dict[str, str]], ...] = (
    ("GET", None, {}),
    ("POST", {"name": "First"}, {}),
    ("POST", {"name": "First"}, {"Idempotency-Key": "during-the-outage"}),
)


def test_database_stopped_and_started(place: Place) -> None:
    with place.serve(**TIMEOUTS) as service:
        assert service.get().status == 200
        with _stopped(place.server):
            _assert_out_of_order(service)
        _assert_recovers(service)
        assert not service.bugs()


def test_database_killed_while_requests_run(place: Place) -> None:
    with place.serve(**TIMEOUTS, WEB_THREADS="8") as service:
        with _load(service) as seen:
            service.wait_for(lambda: seen[201] >= 20, "load")
            with _stopped(place.server, by=Database.kill):
                service.wait_for(lambda: seen[503] >= 20, "outage")
            before = seen[201]
            service.wait_for(lambda: seen[201] >= before + 20, "recovery")
        assert set(seen) <= {200, 201, 503, 504}, seen
        _assert_recovers(service)
        assert not service.bugs()


def test_service_started_before_its_database(place: Place) -> None:
    with place.process(**TIMEOUTS) as service:
        with _stopped(place.server):
            service.wait_for(service.is_alive, "alive")
            _assert_out_of_order(service)
            assert service.get("/health/startup", token=None).status == 503
        _assert_recovers(service)
        assert service.get("/health/startup", token=None).status == 200


def test_silent_database(place: Place) -> None:
    """It reads all bytes and never responds, so there is no connection error."""
    url = urlsplit(place.database_url)
    assert url.port
    with Proxy(url.port) as proxy:
        account = url.netloc.rpartition(":")[0]
        through = url._replace(netloc=f"{account}:{proxy.port}").geturl()
        with place.serve(DATABASE_URL=through, **TIMEOUTS) as service:
            at_once([service.get] * 4)  # leave connections in the pool

            proxy.fall_silent()
            _assert_out_of_order(service)  # pooled connections, then new ones
            _assert_out_of_order(service)

            proxy.speak_again()
            _assert_recovers(service)
            assert not service.bugs()


def test_what_the_caller_waits_for_is_enough(place: Place) -> None:
    """The caller's time limit applies if it is shorter."""
    with place.serve() as service:
        late, _ = elapsed(lambda: service.get(headers={"X-Request-Timeout-Ms": "1"}))
        assert late.status in {200, 504}
        for wrong in ("0", "-1", "soon", "1.5", "9" * 30):
            assert service.get(headers={"X-Request-Timeout-Ms": wrong}).status == 400
    with place.process(REQUEST_TIMEOUT_SECONDS="0.000001") as service:
        service.wait_for(service.is_alive, "alive")
        late = service.get()
        assert late.status == 504
        assert late.headers["Content-Type"] == "application/problem+json"


def _assert_out_of_order(service: Service) -> None:
    """Assert that every request gets a timely response that names the reason."""
    for method, body, headers in REQUESTS:
        ask = partial(service.ask, method, ORDERS, body=body, headers=headers)
        for answer, took in at_once([partial(elapsed, ask)] * 3):
            _assert_unavailable(answer)
            assert took < REQUEST_TIMEOUT + SLACK
    ready, took = elapsed(lambda: service.get("/health/ready", token=None))
    assert ready.status == 503
    assert ready.json()["status"] == "unavailable"
    assert ready.json()["checks"]["database"]["status"] == "unavailable"
    assert ready.json()["checks"]["database"]["reason"]
    assert ready.json()["checks"]["auth_keys"]["status"] == "ok"
    assert took < REQUEST_TIMEOUT + SLACK
    assert service.get("/health/live", token=None).status == 200
    assert service.get("/metrics", token=None).status == 200
    assert service.get(token=None).status == 401


def _assert_unavailable(answer: Answer) -> None:
    assert answer.status == 503, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "database_unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def _assert_recovers(service: Service) -> None:
    service.wait_for(service.is_ready, "ready again")
    for method, body, headers in REQUESTS:
        ask = partial(service.ask, method, ORDERS, body=body, headers=headers)
        for answer in at_once([ask] * 8):
            assert answer.status in {200, 201}, answer


@contextmanager
def _stopped(server: Database, by: Callable[[Database], None] = Database.stop) -> Iterator[None]:
    by(server)
    try:
        yield
    finally:
        server.start()


@contextmanager
def _load(service: Service) -> Iterator[Counter[int]]:
    """Send requests from a few threads inside the context; yield the responses by status."""
    seen: Counter[int] = Counter()
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            with suppress(OSError, HTTPException):
                seen[service.post({"name": "Load"}).status] += 1
                seen[service.get().status] += 1

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()
