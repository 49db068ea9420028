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

# Longest wait of calls for the first answer.
_FIRST_ANSWER_SECONDS = 1.0
# Within this time, instances register again with a registry that has lost all entries.
_EMPTY_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 5.0
_SHORTEST_ROUND_SECONDS = 0.1
_FAILURES_THAT_COUNT = 10  # more make the pause no longer

logger = logging.getLogger(__name__)


class Source(Protocol):
    """A registry with blocking queries. Any error means that it gave no answer."""

    name: str

    def look(self, service: str, seen: int) -> tuple[Sequence[Instance], int]:
        """Return the instances of a service, and the version of the registry.

        Answer at once if the version `seen` before is 0, otherwise after a change or half a
        minute.
        """


class WatchingResolver:
    """Resolver that watches the registry for each service that it is asked for.

    Threads start with the first question, since threads do not survive a fork.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._views: dict[str, _View] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def instances(self, service: str) -> Sequence[Instance]:
        """Return the instances as last known; only the first question waits a moment."""
        view = self._views.get(service) or self._watch(service)
        return view.instances()

    def close(self) -> None:
        """Stop watching."""
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
            except Exception as error:  # of any kind: the registry gave no answer
                self._report(service, problems, error)
                seen, failures = 0, min(failures + 1, _FAILURES_THAT_COUNT)
                self._closed.wait(_pause(failures))
                continue
            failures = 0
            self._report(service, problems, None if found else LookupError("no instance is registered"))
            view.update(found)
            # A single change is passed on at once; many in a row are batched.
            self._closed.wait(max(0, began + _SHORTEST_ROUND_SECONDS - time.monotonic()))

    def _report(self, service: str, problems: Problems, error: Exception | None) -> None:
        if error is None:
            if problems.end():
                logger.info("%s lists %s again", self._source.name, service)
        elif problems.is_new(error):
            logger.warning("%s does not list %s: %s", self._source.name, service, error)


class _View:
    """The known instances of one service."""

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
