"""No statement begins after the request's deadline."""

from typing import Any

from sqlalchemy import Engine, event

from .. import deadline


def keep_deadlines(engine: Engine) -> None:
    """Raise DeadlineExceeded instead of executing for a caller who no longer waits."""

    @event.listens_for(engine, "before_cursor_execute")
    def check(*_: Any) -> None:
        deadline.remaining()
