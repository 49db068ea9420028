import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import in_memory
from << cookiecutter.__package >>.platform import shedding

from ..conftest import URL, MakeToken


@dataclass
class Service:
    """The service; requests to its API are answered when they may go on."""

    client: Callable[[], FlaskClient]
    at_work: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)

    def get(self, path: str = URL, **headers: str) -> TestResponse:
        return self.client().get(path, headers=headers)


@pytest.fixture
def start(environ: dict[str, str], make_token: MakeToken) -> Iterator[Callable[..., Service]]:
    """Starts it; keywords are its environment."""
    started: list[Service] = []

    def start(**variables: str) -> Service:
        app = create_app(environ | variables, in_memory())

        def client() -> FlaskClient:
            client = app.test_client()
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token()}"
            return client

        service = Service(client)
        started.append(service)

        @app.before_request
        def work() -> None:
            if request.path == URL:
                service.at_work.release()
                service.go_on.wait(60)

        return service

    yield start
    for service in started:
        service.go_on.set()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def wait_until(state: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not state():
        assert time.monotonic() < until
        time.sleep(0.001)


def counted(metric: object) -> float:
    value: float = metric._value.get()  # type: ignore[attr-defined]
    return value


def test_who_waits_longest_is_next(threads: ThreadPoolExecutor) -> None:
    turns = shedding.Turns(1, 3)
    turns.take(None)
    order: list[int] = []

    def wait(number: int) -> None:
        turns.take(60)
        order.append(number)
        turns.give_back()

    for number in range(3):
        threads.submit(wait, number)
        wait_until(lambda: counted(shedding.WAITING) == number + 1)  # noqa: B023 (called at once)
    turns.give_back()
    threads.shutdown()

    assert order == [0, 1, 2]


def test_whoever_gives_up_leaves_a_place(threads: ThreadPoolExecutor) -> None:
    turns = shedding.Turns(1, 1)
    turns.take(None)
    for _ in range(2):
        with pytest.raises(shedding.Overloaded):
            turns.take(0.01)

    waiting = threads.submit(turns.take, 60)
    wait_until(lambda: counted(shedding.WAITING) == 1)
    with pytest.raises(shedding.Overloaded):
        turns.take(60)
    turns.give_back()
    waiting.result(60)


def test_what_is_too_much_is_told_at_once(
    start: Callable[..., Service], threads: ThreadPoolExecutor
) -> None:
    service = start(WEB_THREADS="2", WEB_QUEUE="1")
    begun = [threads.submit(service.get) for _ in range(3)]
    service.at_work.acquire()
    service.at_work.acquire()
    wait_until(lambda: counted(shedding.WAITING) == 1)
    before = counted(shedding.SHED)

    refused = service.get()

    assert refused.status_code == 503
    assert refused.get_json()["code"] == "overloaded"
    assert refused.headers["Retry-After"] == "1"
    assert counted(shedding.SHED) == before + 1
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert service.get(path).status_code == 200
    service.go_on.set()
    assert [each.result(60).status_code for each in begun] == [200] * 3
    assert service.get().status_code == 200


def test_nobody_waits_longer_than_the_deadline(
    start: Callable[..., Service], threads: ThreadPoolExecutor
) -> None:
    service = start(WEB_THREADS="1")
    begun = threads.submit(service.get)
    service.at_work.acquire()

    refused = service.get(**{"X-Request-Timeout-Ms": "20"})

    assert refused.status_code == 503
    assert not service.at_work.acquire(blocking=False)
    service.go_on.set()
    assert begun.result(60).status_code == 200


def test_a_turn_comes_back_whatever_became_of_the_request(start: Callable[..., Service]) -> None:
    service = start(WEB_THREADS="1", WEB_QUEUE="0")
    service.go_on.set()

    for path, status in (("/nowhere", 404), (f"{URL}/x", 404), (f"{URL}?limit=0", 422)):
        assert service.get(path).status_code == status
        assert service.get(path, Authorization="none").status_code == 401

    assert service.get().status_code == 200


def test_a_dead_workers_gauges_are_forgotten(
    start: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_dead = tmp_path / "gauge_livesum_4194305.db"  # no process has a larger number
    of_the_dead.touch()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    assert start().get("/metrics").status_code == 200

    assert not of_the_dead.exists()
