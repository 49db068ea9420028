"""Resolution by watching a service registry; the last good answer is kept."""

import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from ... import context
from .. import Instance
from ..registry.errors import Problems

# How long calls wait for the very first answer.
_FIRST_ANSWER_SECONDS = 1.0
# A registry that has lost all entries is told again within this time.
_EMPTY_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 5.0
_SHORTEST_ROUND_SECONDS = 0.1
_FAILURES_THAT_COUNT = 10  # more make the pause no longer

logger = logging.getLogger(__name__)


class Source(Protocol):
    """A registry that can be waited for. Any error means that it gave no answer."""

    name: str

    def look(self, service: str, seen: int) -> tuple[Sequence[Instance], int]:
        """Give the instances of a service, and a number for what the registry is like now.

        It answers at once if what was `seen` is 0, else when there is something new, or after half
        a minute.
        """


class WatchingResolver:
    """Resolver that watches a registry for each service it is asked for.

    Threads begin with the first question: those of before a fork would not be there after it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._views: dict[str, _View] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def instances(self, service: str) -> Sequence[Instance]:
        """Give them as last known; wait for that a moment after the first question only."""
        view = self._views.get(service) or self._watch(service)
        return view.instances()

    def close(self) -> None:
        """Stop following them."""
        self._closed.set()

    def _watch(self, service: str) -> "_View":
        with self._lock:
            if service not in self._views:
                view = self._views[service] = _View()
                threading.Thread(
                    target=self._run, args=(service, view), name=f"watch {service}", daemon=True
                ).start()
            return self._views[service]

    def _run(self, service: str, view: "_View") -> None:
        seen = failures = 0
        problems = Problems()
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                found, seen = self._source.look(service, seen)
            except Exception as error:  # whatever it is, the registry gave no answer
                self._report(service, problems, error)
                seen, failures = 0, min(failures + 1, _FAILURES_THAT_COUNT)
                self._closed.wait(_pause(failures))
                continue
            failures = 0
            self._report(service, problems, None if found else LookupError("it knows no instance"))
            view.update(found)
            # One change is passed on at once; many in a row are not asked for one by one.
            self._closed.wait(max(0, began + _SHORTEST_ROUND_SECONDS - time.monotonic()))

    def _report(self, service: str, problems: Problems, error: Exception | None) -> None:
        if error is None:
            if problems.end():
                logger.info("%s tells of %s again", self._source.name, service)
        elif problems.is_new(error):
            logger.warning("%s does not tell of %s: %s", self._source.name, service, error)


class _View:
    """What is known of one service."""

    def __init__(self) -> None:
        self._known: tuple[Instance, ...] = ()
        self._empty_since: float | None = None
        self._answered = threading.Event()
        self._first_answer_by = time.monotonic() + _FIRST_ANSWER_SECONDS

    def instances(self) -> Sequence[Instance]:
        if not self._answered.is_set():
            left = self._first_answer_by - time.monotonic()
            limit = context.remaining_seconds()
            self._answered.wait(max(0, left if limit is None else min(left, limit)))
        return self._known

    def update(self, found: Sequence[Instance]) -> None:
        now = time.monotonic()
        self._empty_since = None if found else self._empty_since or now
        if self._empty_since is None or now - self._empty_since > _EMPTY_SECONDS:
            self._known = tuple(dict.fromkeys(found))
        self._answered.set()


def _pause(failures: int) -> float:
    return random.uniform(0, min(2.0**failures / 10, _LONGEST_PAUSE_SECONDS))  # noqa: S311
