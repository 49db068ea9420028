"""Load shedding: so many requests work, so many wait for their turn, and the rest is told at once.

What is begun is finished in time then, however many ask. Views that are marked public wait for
nobody, so that an overloaded process still answers its probes.
"""

import threading
from collections import deque

from flask import Flask, g, request
from prometheus_client import Counter, Gauge
from pydantic import Field, NonNegativeInt, PositiveInt
from werkzeug.exceptions import ServiceUnavailable

from . import deadline
from .access import is_public
from .environ import RoomSettings

# Threads that never wait for a turn: they answer probes, and turn away what is too much.
SPARE_THREADS = 4

WAITING = Gauge(
    "http_server_requests_waiting",
    "Requests that wait for their turn.",
    multiprocess_mode="livesum",
)
SHED = Counter("http_server_requests_shed", "Requests turned away because too many were there.")


class Settings(RoomSettings):
    """How many requests one worker handles at the same time, and how many more may wait."""

    threads: PositiveInt = Field(default=4, alias="WEB_THREADS")
    queue: NonNegativeInt = Field(default=64, alias="WEB_QUEUE")


class Overloaded(ServiceUnavailable):
    """Too many requests are here already; this one has not been begun."""

    problem_code = "overloaded"

    def __init__(self) -> None:
        super().__init__("Too many requests are here already; try again.", retry_after=1)


class Turns:
    """A number of turns, given to those who wait in the order of their arrival."""

    def __init__(self, turns: int, places: int) -> None:
        self._free = turns
        self._places = places
        self._queue: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    def take(self, patience: float | None) -> None:
        """Take a turn, within so many seconds if there is a limit.

        Raises:
            Overloaded: there is no place to wait, or the turn did not come in time.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._queue) >= self._places:
                raise Overloaded
            mine = threading.Lock()
            mine.acquire()
            self._queue.append(mine)
        with WAITING.track_inprogress():
            if not mine.acquire(timeout=-1 if patience is None else patience):
                self._give_up(mine)

    def give_back(self) -> None:
        """Pass the turn on to whoever waits longest."""
        with self._lock:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._free += 1

    def _give_up(self, mine: threading.Lock) -> None:
        with self._lock:
            if mine not in self._queue:
                return  # it came at the last moment
            self._queue.remove(mine)
        raise Overloaded


def init_app(app: Flask, settings: Settings) -> None:
    """Let a request work when it is its turn, and turn away what can't even wait."""
    turns = Turns(settings.threads, settings.queue)

    @app.before_request
    def take_a_turn() -> None:
        if is_public(app, request.endpoint):
            return
        try:
            turns.take(deadline.remaining())
        except Overloaded:
            SHED.inc()
            raise
        g.has_a_turn = True

    @app.teardown_request
    def give_it_back(_: BaseException | None) -> None:
        if g.pop("has_a_turn", False):
            turns.give_back()
