"""PostgreSQL, by psycopg 3."""

from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen, PQGenConn
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

from ... import context
from ..deadlines import GRACE_SECONDS, bounded
from ..engine import Dialect

Result = TypeVar("Result")


def options(timeout_seconds: float) -> dict[str, Any]:
    """Bound connecting, every statement, and the wait for a server that stopped responding."""
    milliseconds = int(timeout_seconds * 1000)
    return {
        "connect_args": {
            "connect_timeout": max(2, int(timeout_seconds)),  # libpq waits 2 s at least
            "options": f"-c statement_timeout={milliseconds} -c timezone=UTC",
            "tcp_user_timeout": milliseconds,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
    }


class Connection(psycopg.Connection[Any]):
    """Connection whose waits end at the deadline of the request.

    Sending the server a time limit would cost a round trip with every statement; cancelling costs
    one only for statements that are late.
    """

    patience_seconds = 6.0

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn[Self]:
        steps = super()._connect_gen(conninfo)
        wanted = next(steps)
        while True:
            ready = yield wanted
            context.check_deadline()
            try:
                wanted = steps.send(ready)
            except StopIteration as done:
                connection: Self = done.value
                return connection

    def wait(
        self,
        gen: PQGen[Result],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> Result:
        """Wait for an answer; cancel the statement if there is none in time."""
        try:
            return super().wait(gen, interval, timeout or bounded(self.patience_seconds))
        except psycopg.OperationalError:
            if self._waits_for_an_answer():
                return self._cancel(gen)
            raise

    def _cancel(self, gen: PQGen[Result]) -> Result:
        """Cancel the statement; return its result if that arrives first."""
        try:
            self.cancel_safe(timeout=GRACE_SECONDS)
            return super().wait(gen, timeout=GRACE_SECONDS)
        finally:
            if self._waits_for_an_answer():
                # The server does not respond. A late answer would be mistaken for the answer to
                # another statement.
                self.pgconn.finish()

    def _waits_for_an_answer(self) -> bool:
        return self.info.transaction_status == TransactionStatus.ACTIVE


def prepare(engine: Engine) -> None:
    """Open connections that bound their waits on the client side too."""

    @event.listens_for(engine, "do_connect")
    def connect(_: Any, __: Any, arguments: Any, parameters: dict[str, Any]) -> Connection:
        connection = Connection.connect(*arguments, **parameters)
        # After the server's own timeout, whose error says more.
        connection.patience_seconds = parameters["tcp_user_timeout"] / 1000 + 1
        return connection


DIALECT = Dialect(("postgresql", "postgres"), "postgresql+psycopg", options, prepare)
