"""Shutdown of the running service: no request is lost."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException

import psycopg
import pytest

from tests.support.http import ORDERS
from tests.support.issuer import Issuer
from tests.support.running import Place, Service

DRAIN, GRACE = 8, 20
HOW_TO_STOP = {"SHUTDOWN_DRAIN_SECONDS": str(DRAIN), "SHUTDOWN_GRACE_SECONDS": str(GRACE)}
REQUESTS = 1000


class Clients:
    """Clients on persistent connections, which read and write in turn.

    `go_elsewhere` simulates a load balancer that has seen the failed readiness check.
    """

    def __init__(self, service: Service, number: int = 8) -> None:
        self.seen: Counter[object] = Counter()
        self._service = service
        self._elsewhere = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def go_elsewhere(self) -> None:
        """Finish the current requests and stop."""
        self._elsewhere.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        connection = self._service.connect()
        while not self._elsewhere.is_set():
            for method, body in (("GET", None), ("POST", {"name": "Under load"})):
                self.seen[self._ask(connection, method, body)] += 1
        connection.close()

    def _ask(self, connection: HTTPConnection, method: str, body: object) -> object:
        try:
            connection.request(method, ORDERS, *self._service.request(body))
            response = connection.getresponse()
            response.read()  # http.client opens a new connection after `Connection: close`
            return response.status
        except (OSError, HTTPException) as error:
            connection.close()
            return repr(error)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load(default_place: Place, workers: int) -> None:
    with default_place.serve(WEB_CONCURRENCY=str(workers), **HOW_TO_STOP) as service:
        clients = Clients(service)
        service.wait_for(lambda: clients.seen.total() >= 0.95 * REQUESTS, "load", 120)

        service.terminate()
        asked = time.monotonic()
        service.wait_for(lambda: not service.is_ready(), "draining", DRAIN)
        # The load balancer checks readiness periodically; requests continue until it does.
        while time.monotonic() < asked + 2 or clients.seen.total() < REQUESTS:
            for path, status in (("/health/ready", 503), ("/health/live", 200)):
                answer = service.get(path, token=None)
                assert answer.status == status
                assert answer.headers["Connection"] == "close"
            time.sleep(0.2)
        clients.go_elsewhere()
        assert time.monotonic() < asked + DRAIN, "the machine is too slow for this test"

        assert service.exit_code(DRAIN + GRACE) == 0
        assert set(clients.seen) == {200, 201}, clients.seen
        assert clients.seen.total() >= REQUESTS
        assert not service.bugs()


def test_draining_is_reported(default_place: Place) -> None:
    with default_place.serve(**HOW_TO_STOP) as service:
        service.terminate()
        service.wait_for(lambda: not service.is_ready(), "draining", DRAIN)

        assert service.get("/health/ready", token=None).json()["status"] == "draining"
        assert service.exit_code(DRAIN + GRACE) == 0


def test_requests_in_flight_are_completed(default_place: Place) -> None:
    """One request waits for a lock in the database, one is still sending its body."""
    quick = HOW_TO_STOP | {"SHUTDOWN_DRAIN_SECONDS": "1"}
    answers: list[int] = []
    with (
        default_place.serve(DATABASE_TIMEOUT_SECONDS="15", **quick) as service,
        psycopg.connect(default_place.database_url) as locker,
        socket.create_connection(("127.0.0.1", service.port), 30) as slow,
    ):
        locker.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        waiting = threading.Thread(target=lambda: answers.append(service.get().status))
        waiting.start()
        body = b'{"name": "Slow"}'
        slow.sendall(
            f"POST {ORDERS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {service.token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body[:5]
        )
        service.wait_for(lambda: _is_waiting_for_a_lock(default_place), "both requests")

        service.terminate()
        service.wait_for(lambda: not _accepts(service), "an end of the drain", GRACE)
        assert service.popen.poll() is None
        locker.rollback()
        slow.sendall(body[5:])

        assert slow.makefile("rb").readline().startswith(b"HTTP/1.1 201 ")
        waiting.join()
        assert answers == [200]
        assert service.exit_code(GRACE) == 0


def test_connections_are_refused_only_after_the_drain(default_place: Place) -> None:
    drain = 3.0
    with default_place.serve(SHUTDOWN_DRAIN_SECONDS=str(drain)) as service:
        began = time.monotonic()
        service.terminate()
        while _accepts(service):
            time.sleep(0.05)
        assert time.monotonic() - began >= drain
        assert service.exit_code(GRACE) == 0


@pytest.mark.parametrize("after", [0.05, 0.5, 1, 2])
def test_sigterm_while_it_starts(default_place: Place, after: float) -> None:
    with default_place.process(SHUTDOWN_DRAIN_SECONDS="1") as service:
        time.sleep(after)
        service.terminate()

        assert service.exit_code(GRACE) in {0, -signal.SIGTERM}
        assert "Traceback" not in service.output()


def test_sigterm_while_it_waits_for_its_issuer(default_place: Place) -> None:
    with Issuer() as issuer, default_place.process(issuer, SHUTDOWN_DRAIN_SECONDS="1") as service:
        issuer.pause = 60
        service.wait_for(service.is_alive, "alive")
        service.terminate()

        assert service.exit_code(GRACE) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_does_not_wait_for_a_drain(default_place: Place, workers: int) -> None:
    with default_place.serve(SHUTDOWN_DRAIN_SECONDS="300", WEB_CONCURRENCY=str(workers)) as service:
        os.killpg(service.popen.pid, signal.SIGINT)

        assert service.exit_code(60) in {0, 130, -signal.SIGINT}
        assert "Traceback" not in service.output()
        assert "Killing" not in service.output()


def test_stops_at_once_without_a_drain(default_place: Place) -> None:
    """It stops as soon as one worker is ready, regardless of the other."""
    for _ in range(4):
        with default_place.serve(WEB_CONCURRENCY="2", SHUTDOWN_DRAIN_SECONDS="0") as service:
            service.terminate()

            assert service.exit_code(GRACE) == 0
            assert "Killing" not in service.output()


def test_drains_right_after_the_start(default_place: Place) -> None:
    for _ in range(4):
        with default_place.serve(WEB_CONCURRENCY="2", SHUTDOWN_DRAIN_SECONDS="1") as service:
            service.terminate()

            assert service.exit_code(GRACE) == 0


def test_no_files_and_no_processes_remain(default_place: Place) -> None:
    with default_place.serve(WEB_CONCURRENCY="2", SHUTDOWN_DRAIN_SECONDS="0") as service:
        workers = service.workers()
        assert len(workers) == 2
        assert [path for path in service.scratch.iterdir() if path.name.startswith("metrics-")]
        service.terminate()
        assert service.exit_code(GRACE) == 0

        assert not [path for path in service.scratch.iterdir() if path.name.startswith("metrics-")]
        service.wait_for(lambda: not _any_runs(workers), "workers gone")


def _is_waiting_for_a_lock(place: Place) -> bool:
    with psycopg.connect(place.database_url) as connection:
        waiting = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return waiting is not None and waiting[0] > 0


def _accepts(service: Service) -> bool:
    try:
        socket.create_connection(("127.0.0.1", service.port), 5).close()
    except ConnectionError:
        return False
    return True


def _any_runs(pids: list[int]) -> bool:
    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        return True
    return False
