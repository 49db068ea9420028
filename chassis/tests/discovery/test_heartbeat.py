import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pydantic import ValidationError

from << cookiecutter.__package >>.platform.discovery import (
    Instance,
    announcer,
    announcer_address,
)

from .announcer_stand_in import StandIn, stand_in


class Registry:
    """Notes what it is told; fails as long as it has a problem."""

    name = "the registry"

    def __init__(self) -> None:
        self.told: list[str] = []
        self.problem: Exception | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()

    def announce(self) -> None:
        self._note("in")

    def withdraw(self) -> None:
        self._note("out")

    def _note(self, what: str) -> None:
        self.goes_on.wait(60)
        if self.problem:
            raise self.problem
        self.told.append(what)


@pytest.fixture
def process() -> Iterator[StandIn]:
    with stand_in(lambda *_: (200, {})) as found:
        yield found


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setattr(announcer, "_BEAT_SECONDS", 0.02)
    monkeypatch.setattr(announcer, "_DOUBTFUL_SECONDS", 0.02)
    return Registry()


def announcer_of(process: StandIn, registry: Registry) -> announcer.Announcer:
    port = int(process.url.rpartition(":")[2])
    return announcer.Announcer(registry, "0.0.0.0", port)  # noqa: S104 (asked, not bound)


def wait_for(state: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not state():
        assert time.monotonic() < until
        time.sleep(0.005)


def wait_for_beats(process: StandIn, number: int) -> None:
    before = len(process.asked)
    wait_for(lambda: len(process.asked) > before + number)


def test_announces_when_ready_and_until_withdrawn(process: StandIn, registry: Registry) -> None:
    process.answer = lambda *_: (503, {})
    made = announcer_of(process, registry)
    made.start()
    wait_for(lambda: len(process.asked) > 4)
    assert registry.told == []

    process.answer = lambda *_: (200, {})
    wait_for(lambda: len(registry.told) > 2)
    made.withdraw()

    assert set(process.paths) == {"GET /health/ready"}
    assert set(registry.told[:-1]) == {"in"}
    assert registry.told[-1] == "out"
    time.sleep(0.1)
    assert registry.told[-1] == "out"


def test_a_moment_of_weakness_changes_nothing(process: StandIn, registry: Registry) -> None:
    answers = [200, 503, 503] * 10
    process.answer = lambda *_: (answers.pop() if answers else 200, {})
    made = announcer_of(process, registry)
    made.start()
    wait_for(lambda: not answers)

    assert "out" not in registry.told
    made.withdraw()


def test_what_is_not_ready_for_a_while_is_taken_out(process: StandIn, registry: Registry) -> None:
    made = announcer_of(process, registry)
    made.start()
    wait_for(lambda: registry.told)
    process.answer = lambda *_: (503, {})
    wait_for(lambda: "out" in registry.told)
    process.answer = lambda *_: (200, {})

    wait_for(lambda: registry.told[-1] == "in")
    assert registry.told.count("out") == 1
    made.withdraw()


def test_the_log_has_changes_only(
    process: StandIn, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = announcer_of(process, registry)
    made.start()
    wait_for(lambda: len(registry.told) > 5)
    for registry.problem in (OSError("nobody answers"), ValueError("wrong"), OSError("broken off")):
        wait_for_beats(process, 5)
    registry.problem = None
    wait_for(lambda: len(registry.told) > 10)
    made.withdraw()

    assert caplog.messages == [
        "Announced to the registry",
        "the registry can't be told of this instance: nobody answers",
        "the registry can't be told of this instance: wrong",
        "Announced to the registry",
        "Withdrawn from the registry: it stops",
    ]


def test_what_was_never_in_is_not_said_to_be_withdrawn(
    process: StandIn, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    process.answer = lambda *_: (503, {})
    made = announcer_of(process, registry)
    made.start()
    wait_for(lambda: process.asked)
    made.withdraw()

    assert caplog.messages == []


def test_withdrawing_takes_no_longer_than_it_may(
    process: StandIn, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "_WITHDRAW_SECONDS", 0.1)
    made = announcer_of(process, registry)
    made.withdraw()  # before it began: nothing to do

    made = announcer_of(process, registry)
    made.start()
    wait_for(lambda: registry.told)
    registry.goes_on.clear()
    made.withdraw()
    assert registry.told[-1] == "in"
    registry.goes_on.set()
    wait_for(lambda: registry.told[-1] == "out")

    wait_for(lambda: "announcer" not in {thread.name for thread in threading.enumerate()})


@pytest.mark.parametrize(
    ("bound", "given", "expected"),
    [
        ("10.1.2.3", {}, ("10.1.2.3", 8000)),
        ("0.0.0.0", {}, ("127.0.0.1", 8000)),  # noqa: S104 (recognised, not bound)
        ("0.0.0.0", {"ADVERTISE_ADDRESS": "a.test"}, ("a.test", 8000)),  # noqa: S104
        ("127.0.0.1", {"ADVERTISE_PORT": "81"}, ("127.0.0.1", 81)),
    ],
)
def test_where_others_reach_it(
    bound: str, given: dict[str, str], expected: tuple[str, int]
) -> None:
    settings = announcer_address.Settings.model_validate(given)
    advertised = announcer_address.Advertised("http", bound, 8000, settings)

    assert advertised.seen_from("http://127.0.0.1:8500") == Instance("http", *expected)


def test_production_tells_nobody_of_an_address_that_leads_to_themselves() -> None:
    settings = announcer_address.Settings.model_validate({"ENVIRONMENT": "production"})
    everywhere = announcer_address.Advertised("http", "0.0.0.0", 8000, settings)  # noqa: S104

    with pytest.raises(ValueError, match="ADVERTISE_ADDRESS is needed"):
        everywhere.seen_from("http://127.0.0.1:8500")


def test_an_address_is_no_url() -> None:
    with pytest.raises(ValidationError, match="ADVERTISE_ADDRESS"):
        announcer_address.Settings.model_validate({"ADVERTISE_ADDRESS": "http://a.test"})
