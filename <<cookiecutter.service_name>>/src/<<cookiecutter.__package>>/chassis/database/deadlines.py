"""The request's deadline for the database: no statement runs on after it.

A dialect bounds every wait by `bounded`, and cancels a statement that the server has not answered
by then. An interrupted statement raises DeadlineExceeded.
"""

import logging
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event, exc
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from .. import context

# For cleaning up after the deadline: cancelling a statement, rolling back.
GRACE_SECONDS = 0.5

_CLOCKS_DIFFER_BY = 0.01

# SQLAlchemy names a pool's logger after its class, and keeps its own ones at this level.
logging.getLogger(f"{__name__}.Pool").setLevel(logging.WARNING)


def bounded(seconds: float) -> float:
    """Return how long to wait: these seconds, or fewer if the request has less time left."""
    try:
        left = context.remaining_seconds()
    except context.DeadlineExceeded:
        return GRACE_SECONDS
    return seconds if left is None else min(seconds, left)


def missed() -> context.DeadlineExceeded | None:
    """Return the error of a request that has run out of time, None while it has some."""
    try:
        left = context.remaining_seconds()
    except context.DeadlineExceeded as error:
        return error
    if left is not None and left < _CLOCKS_DIFFER_BY:
        return context.DeadlineExceeded("The time for this request is up.")
    return None


class Pool(QueuePool):
    """Connection pool whose waits end at the deadline of the request."""

    _most_seconds: float

    @property
    def _timeout(self) -> float:
        return bounded(self._most_seconds)

    @_timeout.setter
    def _timeout(self, seconds: float) -> None:
        self._most_seconds = seconds

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return super()._do_get()
        except exc.TimeoutError as error:
            raise missed() or error from None


def keep_deadlines(engine: Engine) -> None:
    """Raise DeadlineExceeded instead of working for a caller that no longer waits."""

    @event.listens_for(engine, "before_cursor_execute")
    def execute(*_: Any) -> None:
        context.check_deadline()

    @event.listens_for(engine, "commit")
    def commit(connection: Connection) -> None:
        try:
            context.check_deadline()
        except context.DeadlineExceeded:
            # SQLAlchemy assumes that a failed commit ends the transaction; here it is still open.
            connection.invalidate()
            raise

    @event.listens_for(engine, "handle_error", retval=True)
    def fail(failure: ExceptionContext) -> BaseException | None:
        late = missed()
        if late is not None:
            # This connection may be lost with its statement; the others are still usable.
            failure.invalidate_pool_on_disconnect = False
        return late
