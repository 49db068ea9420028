"""Load shedding: a fixed number of requests run, a bounded number queue, the rest get 503 at once.

Requests that have started finish in time under any load. Public views skip the queue: an
overloaded process still answers its probes.
"""

import threading
from collections import deque

from flask import Flask, g, request
from prometheus_client import Counter, Gauge
from pydantic import Field, NonNegativeInt, PositiveInt
from werkzeug.exceptions import ServiceUnavailable

from .. import context
from ..auth import is_public
from ..settings import ExtensionSettings, Settings

# Threads that never queue: they answer probes and reject excess requests.
SPARE_THREADS = 4

WAITING = Gauge(
    "http_server_requests_waiting",
    "Requests waiting in the queue.",
    multiprocess_mode="livesum",
)
SHED = Counter("http_server_requests_shed", "Requests rejected because the queue was full.")


class LoadSheddingSettings(ExtensionSettings):
    """Concurrency of one worker process."""

    threads: PositiveInt = Field(default=4, alias="WEB_THREADS")
    """Requests that one worker process runs at the same time."""
    queue: NonNegativeInt = Field(default=64, alias="WEB_QUEUE")
    """Requests that may queue in each worker process; more get 503 at once. `0`: no queue."""


class Overloaded(ServiceUnavailable):
    """The queue is full; the request was not started."""

    problem_code = "overloaded"

    def __init__(self) -> None:
        super().__init__("The service is at capacity; try again.", retry_after=1)


class Slots:
    """A fixed number of slots, handed out in order of arrival."""

    def __init__(self, slots: int, queue: int) -> None:
        self._free = slots
        self._queue_length = queue
        self._queue: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    def acquire(self, timeout: float | None) -> None:
        """Take a slot, within `timeout` seconds if that is not None.

        Raises:
            Overloaded: the queue is full, or no slot became free in time.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._queue) >= self._queue_length:
                raise Overloaded
            ticket = threading.Lock()
            ticket.acquire()
            self._queue.append(ticket)
        with WAITING.track_inprogress():
            if not ticket.acquire(timeout=-1 if timeout is None else timeout):
                self._leave(ticket)

    def release(self) -> None:
        """Pass the slot on to the request that has waited longest."""
        with self._lock:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._free += 1

    def _leave(self, ticket: threading.Lock) -> None:
        with self._lock:
            if ticket not in self._queue:
                return  # the slot was granted at the last moment
            self._queue.remove(ticket)
        raise Overloaded


def init_app(app: Flask, settings: Settings) -> None:
    """Run a request when it has a slot, and reject it when the queue is full."""
    concurrency = settings[LoadSheddingSettings]
    slots = Slots(concurrency.threads, concurrency.queue)

    @app.before_request
    def acquire() -> None:
        if is_public(app, request.endpoint):
            return
        try:
            slots.acquire(context.remaining_seconds())
        except Overloaded:
            SHED.inc()
            raise
        g.has_slot = True

    @app.teardown_request
    def release(_: BaseException | None) -> None:
        if g.pop("has_slot", False):
            slots.release()
