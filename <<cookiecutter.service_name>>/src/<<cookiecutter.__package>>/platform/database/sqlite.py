"""SQLite: the embedded database of development, or of a service on a single node."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

SCHEMES = ("sqlite",)
DRIVER = "sqlite+pysqlite"


def options(timeout_seconds: float) -> dict[str, Any]:
    """Wait that long for another writer."""
    return {"connect_args": {"timeout": timeout_seconds}}


def prepare(engine: Engine) -> None:
    """Let readers and one writer work side by side."""
    if engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver would begin its transactions late, and only to be told that it is too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("autocommit"):
            # Takes the write lock at once; a lock upgraded later could not wait for it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
