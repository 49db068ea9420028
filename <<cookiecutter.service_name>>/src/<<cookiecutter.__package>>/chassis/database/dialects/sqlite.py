"""SQLite: the embedded database, for development or a service on a single node."""

import math
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from ..deadlines import bounded, missed
from ..engine import Dialect

# SQLite checks for interruption after this number of steps: in less than a millisecond.
_STEPS = 10_000


def options(timeout_seconds: float) -> dict[str, Any]:
    """Wait up to the timeout for another writer."""
    return {"connect_args": {"timeout": timeout_seconds}}


def prepare(engine: Engine) -> None:
    """Set up concurrent readers with one writer, within the deadline of the request."""
    if engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        # The driver would begin transactions late, when taking the write lock can fail at once.
        connection.isolation_level = None
        connection.set_progress_handler(lambda: missed() is not None, _STEPS)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        [usual] = cursor.execute("PRAGMA busy_timeout").fetchone()
        entry.info["usual_patience"] = entry.info["patience"] = usual
        cursor.close()

    @event.listens_for(engine, "before_cursor_execute")
    def wait_for_writers(connection: Connection, cursor: Any, *_: Any) -> None:
        usual = connection.info["usual_patience"]
        patience = math.ceil(bounded(usual / 1000) * 1000)
        if connection.info["patience"] != patience:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")
            connection.info["patience"] = patience

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("autocommit"):
            # Takes the write lock at once; a lock upgraded later could not wait for it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")


DIALECT = Dialect(("sqlite",), "sqlite+pysqlite", options, prepare)
