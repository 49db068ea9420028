"""PostgreSQL, by psycopg 3."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

SCHEMES = ("postgresql", "postgres")
DRIVER = "postgresql+psycopg"

Result = TypeVar("Result")


def options(timeout_seconds: float) -> dict[str, Any]:
    """Bound connecting, every statement, and the wait for a peer that fell silent."""
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
    """Hangs up on a server that fell silent: one that no longer speaks cancels no statement."""

    patience_seconds = 6.0

    def wait(
        self,
        gen: PQGen[Result],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> Result:
        """Wait for an answer, but not for ever."""
        try:
            return super().wait(gen, interval, timeout or self.patience_seconds)
        except psycopg.OperationalError:
            if self.info.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # the answer may yet come, and would be taken for another's
            raise


def prepare(engine: Engine) -> None:
    """Make connections that are bounded on this side too."""

    @event.listens_for(engine, "do_connect")
    def connect(_: Any, __: Any, arguments: Any, parameters: dict[str, Any]) -> Connection:
        connection = Connection.connect(*arguments, **parameters)
        # Later than the server, which can say why.
        connection.patience_seconds = parameters["tcp_user_timeout"] / 1000 + 1
        return connection
