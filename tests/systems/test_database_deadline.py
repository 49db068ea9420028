"""The caller's deadline in the database: statements don't outlive it."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest

from tests.support.http import Answer
from tests.support.proxy import Proxy
from tests.support.running import Place, Service, at_once, elapsed

LIMIT = 0.3
IN_TIME, SLACK = {"X-Request-Timeout-Ms": "300"}, 3.0
# Long enough to distinguish this limit from the caller's.
ENVIRONMENT = {"DATABASE_TIMEOUT_SECONDS": "8", "WEB_THREADS": "10"}
Rows = Callable[[str], list[tuple[Any, ...]]]

OF_SCHEME = {
    "postgresql": {
        "lock": "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE",
        "working": "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND state = 'active'",
    },
    "mysql": {
        "lock": "LOCK TABLES orders WRITE",
        "working": "SELECT info FROM information_schema.processlist WHERE db = DATABASE()"
        " AND id <> connection_id() AND command <> 'Sleep'",
    },
}


class Change:
    """An update of one order, which may run several times in parallel."""

    def __init__(self, service: Service) -> None:
        created = service.post({"name": "Contested"})
        self._path = urlsplit(created.headers["Location"]).path
        self._etag = created.headers["ETag"]
        self._service = service

    def send(self, headers: dict[str, str]) -> Answer:
        """Send the request and return the response."""
        headers = {"If-Match": self._etag, **headers}
        return self._service.ask("PATCH", self._path, body={"name": "Changed"}, headers=headers)


@pytest.fixture
def service(place: Place) -> Iterator[Service]:
    """The service on each database."""
    with place.serve(**ENVIRONMENT) as service:
        yield service
        assert not service.bugs()


def test_locked_row(service: Service, place: Place) -> None:
    change = Change(service)
    with _session(place) as execute:
        execute("UPDATE orders SET description = 'locked'")

        took = [_too_late(partial(change.send, IN_TIME), service, place) for _ in range(5)]
        assert min(took) < LIMIT + 0.5, took

        answers = at_once([partial(change.send, IN_TIME)] * 8)
        assert [answer.status for answer in answers] == [504] * 8
        service.wait_for(lambda: not _working(place), "no statement runs", 5)
        assert service.is_ready()
        execute("ROLLBACK")
    assert change.send({}).status == 200


def test_locked_table(service: Service, place: Place) -> None:
    with _session(place) as execute:
        execute(OF_SCHEME[_scheme(place)]["lock"])

        took = [_too_late(partial(service.get, headers=IN_TIME), service, place) for _ in range(5)]

        assert min(took) < LIMIT + 0.5, took
    assert service.get(headers={"X-Request-Timeout-Ms": "2000"}).status == 200


def test_the_next_request_has_its_usual_time(service: Service, place: Place) -> None:
    change = Change(service)
    with _session(place) as execute:
        execute("UPDATE orders SET description = 'locked'")
        _too_late(partial(change.send, IN_TIME), service, place)

        release = threading.Timer(4 * LIMIT, execute, ["ROLLBACK"])
        release.start()
        answer, took = elapsed(partial(change.send, {}))
        release.join()

        assert answer.status == 200
        assert took > 2 * LIMIT


def test_other_statements_are_not_cancelled(service: Service, place: Place) -> None:
    """Cancelling a statement does not affect later statements on any connection."""
    change, over = Change(service), threading.Event()

    def late(seed: int) -> set[int]:
        seen = set()
        limits = itertools.cycle(range(5 + seed, 45, 7))
        while not over.is_set():
            seen.add(change.send({"X-Request-Timeout-Ms": str(next(limits))}).status)
        return seen

    with _session(place) as execute, ThreadPoolExecutor(5) as threads:
        execute("UPDATE orders SET description = 'locked'")
        others = [threads.submit(late, seed) for seed in range(5)]
        try:
            usual = [
                answer.status
                for _ in range(25)
                for ask in (service.get, partial(service.post, {"name": "Meanwhile"}))
                for answer in at_once([ask] * 4)
            ]
        finally:
            over.set()

    assert set(usual) == {200, 201}
    assert set().union(*(other.result() for other in others)) == {504}


def test_a_connection_survives_a_cancelled_statement(default_place: Place) -> None:
    with default_place.serve(**ENVIRONMENT) as service, _session(default_place) as execute:
        connections = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() ORDER BY pid"
        )
        assert service.get().status == 200
        before = _rows(default_place, connections)
        execute(OF_SCHEME["postgresql"]["lock"])

        _too_late(partial(service.get, headers=IN_TIME), service, default_place)

        assert _rows(default_place, connections) == before


def test_silent_database(place: Place) -> None:
    """Nothing can be cancelled; requests still end shortly after the deadline."""
    url = urlsplit(place.database_url)
    assert url.port
    with Proxy(url.port) as proxy:
        account = url.netloc.rpartition(":")[0]
        through = url._replace(netloc=f"{account}:{proxy.port}").geturl()
        with place.serve(DATABASE_URL=through, **ENVIRONMENT) as service:
            assert service.get().status == 200

            proxy.fall_silent()
            for _ in range(4):  # on a pooled connection, then on new ones
                for ask in (service.get, partial(service.post, {"name": "Late"})):
                    answer, took = elapsed(partial(ask, headers=IN_TIME))
                    assert (answer.status, answer.json()["code"]) == (504, "deadline_exceeded")
                    assert took < LIMIT + 2 * SLACK

            proxy.speak_again()
            service.wait_for(service.is_ready, "ready again")
            assert service.get().status == 200
            assert not service.bugs()


def _too_late(ask: Callable[[], Answer], service: Service, place: Place) -> float:
    """Send a request that times out, check that no statement goes on, and return its duration."""
    answer, took = elapsed(ask)
    assert (answer.status, answer.json()["code"]) == (504, "deadline_exceeded"), answer
    assert took < LIMIT + SLACK
    service.wait_for(lambda: not _working(place), "no statement runs", 5)
    return took


def _working(place: Place) -> list[tuple[Any, ...]]:
    return _rows(place, OF_SCHEME[_scheme(place)]["working"])


def _scheme(place: Place) -> str:
    return urlsplit(place.database_url).scheme


def _rows(place: Place, statement: str) -> list[tuple[Any, ...]]:
    with _session(place) as execute:
        return execute(statement)


@contextmanager
def _session(place: Place) -> Iterator[Rows]:
    """Yield a separate session in a transaction that is rolled back."""
    url = urlsplit(place.database_url)
    connection: Any
    if url.scheme == "postgresql":
        connection = psycopg.connect(place.database_url, connect_timeout=5)
    else:
        connection = pymysql.connect(
            host=url.hostname,
            port=url.port or 3306,
            user=url.username,
            password=url.password or "",
            database=url.path.lstrip("/"),
            # The default isolation level also locks gaps between rows, which blocks every INSERT.
            init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        )

    def execute(statement: str) -> list[tuple[Any, ...]]:
        cursor = connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []

    with closing(connection):
        yield execute
