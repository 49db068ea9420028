import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pydantic import ValidationError

from chassis.discovery import Instance
from chassis.discovery.registry import heartbeat
from chassis.discovery.registry.address import AddressSettings, AdvertisedAddress
from support.stub_server import StubServer, stub_server


class Registrar:
    """Records its calls; fails while it has a problem."""

    name = "the registry"

    def __init__(self) -> None:
        self.told: list[str] = []
        self.problem: Exception | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()

    def register(self) -> None:
        self._record("in")

    def deregister(self) -> None:
        self._record("out")

    def _record(self, what: str) -> None:
        self.goes_on.wait(60)
        if self.problem:
            raise self.problem
        self.told.append(what)


@pytest.fixture
def process() -> Iterator[StubServer]:
    with stub_server(lambda *_: (200, {})) as found:
        yield found


@pytest.fixture
def registrar(monkeypatch: pytest.MonkeyPatch) -> Registrar:
    monkeypatch.setattr(heartbeat, "_BEAT_SECONDS", 0.02)
    monkeypatch.setattr(heartbeat, "_DOUBTFUL_SECONDS", 0.02)
    return Registrar()


def heartbeat_of(process: StubServer, registrar: Registrar) -> heartbeat.Heartbeat:
    port = int(process.url.rpartition(":")[2])
    return heartbeat.Heartbeat(registrar, "0.0.0.0", port)  # noqa: S104 (probed, not bound)


def wait_for(state: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not state():
        assert time.monotonic() < until
        time.sleep(0.005)


def wait_for_beats(process: StubServer, number: int) -> None:
    before = len(process.asked)
    wait_for(lambda: len(process.asked) > before + number)


def test_registers_when_ready_until_stopped(process: StubServer, registrar: Registrar) -> None:
    process.answer = lambda *_: (503, {})
    made = heartbeat_of(process, registrar)
    made.start()
    wait_for(lambda: len(process.asked) > 4)
    assert registrar.told == []

    process.answer = lambda *_: (200, {})
    wait_for(lambda: len(registrar.told) > 2)
    made.stop()

    assert set(process.paths) == {"GET /health/ready"}
    assert set(registrar.told[:-1]) == {"in"}
    assert registrar.told[-1] == "out"
    time.sleep(0.1)
    assert registrar.told[-1] == "out"


def test_a_short_unreadiness_changes_nothing(process: StubServer, registrar: Registrar) -> None:
    answers = [200, 503, 503] * 10
    process.answer = lambda *_: (answers.pop() if answers else 200, {})
    made = heartbeat_of(process, registrar)
    made.start()
    wait_for(lambda: not answers)

    assert "out" not in registrar.told
    made.stop()


def test_a_process_that_stays_unready_is_deregistered(process: StubServer, registrar: Registrar) -> None:
    made = heartbeat_of(process, registrar)
    made.start()
    wait_for(lambda: registrar.told)
    process.answer = lambda *_: (503, {})
    wait_for(lambda: "out" in registrar.told)
    process.answer = lambda *_: (200, {})

    wait_for(lambda: registrar.told[-1] == "in")
    assert registrar.told.count("out") == 1
    made.stop()


def test_only_changes_are_logged(
    process: StubServer, registrar: Registrar, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = heartbeat_of(process, registrar)
    made.start()
    wait_for(lambda: len(registrar.told) > 5)
    for registrar.problem in (OSError("no answer"), ValueError("wrong"), OSError("broken off")):
        wait_for_beats(process, 5)
    registrar.problem = None
    wait_for(lambda: len(registrar.told) > 10)
    made.stop()

    assert caplog.messages == [
        "Registered with the registry",
        "Cannot register with the registry: no answer",
        "Cannot register with the registry: wrong",
        "Registered with the registry",
        "Deregistered from the registry: the process stops",
    ]


def test_a_process_that_was_never_registered_is_not_logged_as_deregistered(
    process: StubServer, registrar: Registrar, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    process.answer = lambda *_: (503, {})
    made = heartbeat_of(process, registrar)
    made.start()
    wait_for(lambda: process.asked)
    made.stop()

    assert caplog.messages == []


def test_deregistering_is_bounded_in_time(
    process: StubServer, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_DEREGISTER_SECONDS", 0.1)
    made = heartbeat_of(process, registrar)
    made.stop()  # before it began: nothing to do

    made = heartbeat_of(process, registrar)
    made.start()
    wait_for(lambda: registrar.told)
    registrar.goes_on.clear()
    made.stop()
    assert registrar.told[-1] == "in"
    registrar.goes_on.set()
    wait_for(lambda: registrar.told[-1] == "out")

    wait_for(lambda: "heartbeat" not in {thread.name for thread in threading.enumerate()})


@pytest.mark.parametrize(
    ("bound", "given", "expected"),
    [
        ("10.1.2.3", {}, ("10.1.2.3", 8000)),
        ("0.0.0.0", {}, ("127.0.0.1", 8000)),  # noqa: S104 (recognised, not bound)
        ("0.0.0.0", {"ADVERTISE_ADDRESS": "a.test"}, ("a.test", 8000)),  # noqa: S104
        ("127.0.0.1", {"ADVERTISE_PORT": "81"}, ("127.0.0.1", 81)),
    ],
)
def test_the_advertised_address(bound: str, given: dict[str, str], expected: tuple[str, int]) -> None:
    settings = AddressSettings.model_validate(given)
    advertised = AdvertisedAddress(Instance("http", bound, 8000), settings)

    assert advertised.seen_from("http://127.0.0.1:8500") == Instance("http", *expected)


def test_production_registers_no_loopback_address() -> None:
    settings = AddressSettings.model_validate({"ENVIRONMENT": "production"})
    everywhere = AdvertisedAddress(Instance("http", "0.0.0.0", 8000), settings)  # noqa: S104

    with pytest.raises(ValueError, match="ADVERTISE_ADDRESS is needed"):
        everywhere.seen_from("http://127.0.0.1:8500")


def test_an_advertised_address_is_not_a_url() -> None:
    with pytest.raises(ValidationError, match="ADVERTISE_ADDRESS"):
        AddressSettings.model_validate({"ADVERTISE_ADDRESS": "http://a.test"})
