import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from chassis import context
from chassis.discovery import Instance
from chassis.discovery.resolution import registry_watcher
from chassis.discovery.resolution.registry_watcher import WatchingResolver

ONE, OTHER = Instance("http", "10.0.0.1", 8000), Instance("https", "10.0.0.2", 8443)

Found = Sequence[Instance] | Exception


class Source:
    """Returns each piece of news once, and records the versions that it was asked with."""

    name = "the registry"

    def __init__(self) -> None:
        self.news: queue.Queue[Found] = queue.Queue()
        self.seen: list[int] = []

    def look(self, _: str, seen: int) -> tuple[Sequence[Instance], int]:
        self.seen.append(seen)
        found = self.news.get(timeout=60)
        if isinstance(found, Exception):
            raise found
        return found, seen + 1


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(registry_watcher, "_SHORTEST_ROUND_SECONDS", 0)
    monkeypatch.setattr(registry_watcher, "_LONGEST_PAUSE_SECONDS", 0.01)
    return Source()


@pytest.fixture
def watched(source: Source) -> Iterator[WatchingResolver]:
    watched = WatchingResolver(source)
    yield watched
    stop(watched, source)


def stop(watched: WatchingResolver, source: Source) -> None:
    """Close the resolver, and wait for its threads: they log."""
    watched.close()
    source.news.put([])
    wait_for(lambda: not any(each.name.startswith("watch ") for each in threading.enumerate()))


def wait_for(state: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not state():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_waits_for_the_first_answer(source: Source, watched: WatchingResolver) -> None:
    threading.Timer(0.05, source.news.put, [[ONE, OTHER, ONE]]).start()

    assert watched.instances("b") == (ONE, OTHER)


def test_the_wait_for_the_first_answer_is_short(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_watcher, "_FIRST_ANSWER_SECONDS", 0.5)
    watched = WatchingResolver(source)
    assert watched.instances("b") == ()
    began = time.monotonic()
    assert watched.instances("b") == ()
    assert time.monotonic() - began < 0.4
    stop(watched, source)


def test_the_deadline_bounds_the_wait(
    source: Source, watched: WatchingResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_watcher, "_FIRST_ANSWER_SECONDS", 60)
    context.start_deadline(0.1)
    began = time.monotonic()

    assert watched.instances("b") == ()
    assert time.monotonic() - began < 10
    wait_for(lambda: source.seen == [0])


def test_follows_what_changes(source: Source, watched: WatchingResolver) -> None:
    source.news.put([ONE])
    assert watched.instances("b") == (ONE,)
    source.news.put([OTHER])
    wait_for(lambda: watched.instances("b") == (OTHER,))

    wait_for(lambda: source.seen == [0, 1, 2])


def test_keeps_the_last_good_answer(
    source: Source, watched: WatchingResolver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    source.news.put([ONE])
    assert watched.instances("b") == (ONE,)
    for problem in (OSError("no answer"), ValueError("wrong"), OSError("broken off")):
        source.news.put(problem)
    source.news.put([])
    source.news.put([])
    wait_for(lambda: len(source.seen) == 7)

    assert watched.instances("b") == (ONE,)
    source.news.put([ONE])
    wait_for(lambda: len(source.seen) == 8)
    assert source.seen == [0, 1, 0, 0, 0, 1, 2, 3]
    assert caplog.messages == [
        "the registry does not list b: no answer",
        "the registry does not list b: wrong",
        "the registry does not list b: no instance is registered",
        "the registry lists b again",
    ]


def test_recovers_after_any_number_of_failures(
    source: Source, watched: WatchingResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_watcher, "_LONGEST_PAUSE_SECONDS", 0)
    for _ in range(1100):
        source.news.put(OSError("no answer"))
    source.news.put([ONE])

    watched.instances("b")
    wait_for(lambda: watched.instances("b") == (ONE,))


def test_an_empty_answer_counts_after_a_while(
    source: Source, watched: WatchingResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.news.put([ONE])
    assert watched.instances("b") == (ONE,)
    monkeypatch.setattr(registry_watcher, "_EMPTY_SECONDS", 0.05)
    source.news.put([])
    wait_for(lambda: len(source.seen) == 3)
    assert watched.instances("b") == (ONE,)
    time.sleep(0.06)
    source.news.put([])

    wait_for(lambda: watched.instances("b") == ())
