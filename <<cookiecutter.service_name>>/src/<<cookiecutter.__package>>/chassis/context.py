"""The context of a unit of work: its deadline and its request id.

Each inbound transport sets both when work arrives; code that waits asks for the time left.
"""

import time
from contextvars import ContextVar

REQUEST_ID_HEADER = "X-Request-ID"
TIMEOUT_HEADER = "X-Request-Timeout-Ms"

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class DeadlineExceeded(Exception):
    """The caller no longer waits for the answer."""


def start_deadline(seconds: float) -> None:
    """Limit the work of this context to `seconds` from now on."""
    _deadline.set(time.monotonic() + seconds)


def clear_deadline() -> None:
    """Remove the limit."""
    _deadline.set(None)


def remaining_seconds() -> float | None:
    """Return the seconds left, None without a deadline.

    Raises:
        DeadlineExceeded: none are left.
    """
    deadline = _deadline.get()
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded("The time for this request is up.")
    return left


def check_deadline() -> None:
    """Raise DeadlineExceeded if no time is left."""
    remaining_seconds()


def set_request_id(request_id: str | None) -> None:
    """Set the id that logs and outgoing calls of this context carry; None removes it."""
    _request_id.set(request_id)


def request_id() -> str | None:
    """Return the id of the current request, None outside of one."""
    return _request_id.get()
