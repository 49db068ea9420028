"""The time a request may take: set once at the edge, asked by whatever is about to wait."""

import time
from contextvars import ContextVar

_at: ContextVar[float | None] = ContextVar("deadline", default=None)


class DeadlineExceeded(Exception):
    """The caller no longer waits for the answer."""


def start(seconds: float) -> None:
    """Let the work of this context take `seconds` from now on."""
    _at.set(time.monotonic() + seconds)


def stop() -> None:
    """Let the work of this context take as long as it likes: its request has been answered."""
    _at.set(None)


def remaining() -> float | None:
    """Give the seconds left; None where nobody set a deadline.

    Raises:
        DeadlineExceeded: none are left.
    """
    at = _at.get()
    if at is None:
        return None
    left = at - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded("The time for this request is up.")
    return left


def check() -> None:
    """Raise DeadlineExceeded if no time is left."""
    remaining()
