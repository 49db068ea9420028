import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from flask import request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chassis.inbound import load_shedding
from support.app import LIVE, URL, MakeToken, create_app


@dataclass
class Service:
    """The application; requests to its API wait until they may go on."""

    client: Callable[[], FlaskClient]
    at_work: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)

    def get(self, path: str = URL, **headers: str) -> TestResponse:
        return self.client().get(path, headers=headers)


@pytest.fixture
def start(environ: dict[str, str], make_token: MakeToken) -> Iterator[Callable[..., Service]]:
    """Return a function that starts it; keywords are its environment."""
    started: list[Service] = []

    def start(**variables: str) -> Service:
        app = create_app(environ | variables)

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


def test_slots_are_granted_in_order_of_arrival(threads: ThreadPoolExecutor) -> None:
    slots = load_shedding.Slots(1, 3)
    slots.acquire(None)
    order: list[int] = []

    def wait(number: int) -> None:
        slots.acquire(60)
        order.append(number)
        slots.release()

    for number in range(3):
        threads.submit(wait, number)
        wait_until(lambda: counted(load_shedding.WAITING) == number + 1)  # noqa: B023 (called at once)
    slots.release()
    threads.shutdown()

    assert order == [0, 1, 2]


def test_a_request_that_gives_up_leaves_the_queue(threads: ThreadPoolExecutor) -> None:
    slots = load_shedding.Slots(1, 1)
    slots.acquire(None)
    for _ in range(2):
        with pytest.raises(load_shedding.Overloaded):
            slots.acquire(0.01)

    waiting = threads.submit(slots.acquire, 60)
    wait_until(lambda: counted(load_shedding.WAITING) == 1)
    with pytest.raises(load_shedding.Overloaded):
        slots.acquire(60)
    slots.release()
    waiting.result(60)


def test_excess_requests_get_503_at_once(
    start: Callable[..., Service], threads: ThreadPoolExecutor
) -> None:
    service = start(WEB_THREADS="2", WEB_QUEUE="1")
    begun = [threads.submit(service.get) for _ in range(3)]
    service.at_work.acquire()
    service.at_work.acquire()
    wait_until(lambda: counted(load_shedding.WAITING) == 1)
    before = counted(load_shedding.SHED)

    refused = service.get()

    assert refused.status_code == 503
    assert refused.get_json()["code"] == "overloaded"
    assert refused.headers["Retry-After"] == "1"
    assert counted(load_shedding.SHED) == before + 1
    for path in (LIVE, "/metrics"):
        assert service.get(path).status_code == 200
    service.go_on.set()
    assert [each.result(60).status_code for each in begun] == [200] * 3
    assert service.get().status_code == 200


def test_the_deadline_bounds_the_queueing(
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


def test_the_slot_is_released_however_the_request_ended(start: Callable[..., Service]) -> None:
    service = start(WEB_THREADS="1", WEB_QUEUE="0")
    service.go_on.set()

    for path, status in (("/nowhere", 404), (f"{URL}/x", 404), (f"{URL}?limit=0", 422)):
        assert service.get(path).status_code == status
        assert service.get(path, Authorization="none").status_code == 401

    assert service.get().status_code == 200
