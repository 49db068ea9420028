"""The engine: a bounded pool that survives a restart of the database; every wait is bounded."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt
from sqlalchemy import URL, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from ..settings import ExtensionSettings, SettingsError
from .deadlines import Pool, keep_deadlines
from .spans import trace_statements

# Errors of a database that is down, restarting or unreachable.
OUTAGES = (exc.InterfaceError, exc.OperationalError, exc.TimeoutError)

_IDLE_SECONDS_BEFORE_PING = 5.0


class DatabaseSettings(ExtensionSettings):
    """Address, pool and timeout of the database."""

    url: str = Field(alias="DATABASE_URL")
    """Database of this service."""
    pool_size: PositiveInt = Field(default=10, alias="DATABASE_POOL_SIZE")
    """Connections that one worker process opens at most for changes, and as many again for
    reads."""
    timeout_seconds: PositiveFloat = Field(default=5, alias="DATABASE_TIMEOUT_SECONDS")
    """Longest wait for a connection, and for a statement; never longer than the time left for
    the request."""


@dataclass(frozen=True)
class Dialect:
    """What differs between databases.

    Attributes:
        schemes: the URL schemes that people write.
        driver: the URL scheme of SQLAlchemy.
        options: returns the engine's options for a timeout in seconds.
        prepare: attaches what every connection needs.
    """

    schemes: tuple[str, ...]
    driver: str
    options: Callable[[float], dict[str, Any]]
    prepare: Callable[[Engine], None]


def make_engine(
    settings: DatabaseSettings,
    dialects: Sequence[Dialect],
    *,
    autocommit: bool = False,
) -> Engine:
    """Return an engine for `DATABASE_URL`; it connects at first use.

    With `autocommit` every statement is a transaction of its own: no round trips for BEGIN and
    ROLLBACK.

    Raises:
        SettingsError: the URL is malformed, or of an unsupported database.
    """
    url, dialect = _resolve(settings.url, dialects)
    options = dialect.options(settings.timeout_seconds)
    if autocommit:
        options |= {
            "isolation_level": "AUTOCOMMIT",
            "execution_options": {"autocommit": True},
            "pool_reset_on_return": None,
        }
    engine = create_engine(
        url,
        **options,
        poolclass=Pool,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.timeout_seconds,
        pool_use_lifo=True,
        pool_recycle=1800,
    )
    dialect.prepare(engine)
    _ping_idle_connections(engine)
    keep_deadlines(engine)
    trace_statements(engine)
    return engine


def _resolve(text: str, dialects: Sequence[Dialect]) -> tuple[URL, Dialect]:
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        raise SettingsError(["DATABASE_URL: is not a database URL."]) from None
    scheme = url.drivername.partition("+")[0]
    for dialect in dialects:
        if scheme in dialect.schemes:
            return url.set(drivername=dialect.driver), dialect
    known = ", ".join(f"{dialect.schemes[0]}://" for dialect in dialects)
    raise SettingsError([f"DATABASE_URL: {scheme}:// is not supported; use {known}."])


def _ping_idle_connections(engine: Engine) -> None:
    """Test a connection before its use if it was idle for a while.

    SQLAlchemy's own `pool_pre_ping` tests at every use, which costs a round trip each.
    """

    @event.listens_for(engine, "checkin")
    def note(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        idle_since = entry.info.get("idle_since")
        if idle_since is None or time.monotonic() - idle_since < _IDLE_SECONDS_BEFORE_PING:
            return
        try:
            alive = engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # Makes the pool open a new connection, and discard others of the same age.
            raise exc.DisconnectionError("The connection did not survive its idle time.") from error
        if not alive:
            raise exc.DisconnectionError("The connection did not survive its idle time.")
