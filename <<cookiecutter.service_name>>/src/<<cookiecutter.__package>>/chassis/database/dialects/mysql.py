"""MySQL and MariaDB, by PyMySQL."""

from contextlib import closing, suppress
from typing import Any

import pymysql
from sqlalchemy import DateTime, Engine, event
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import DDLCompiler, TypeCompiler

from ..deadlines import GRACE_SECONDS, bounded
from ..engine import Dialect


def options(timeout_seconds: float) -> dict[str, Any]:
    """Bound connecting and every answer; use full Unicode, and UTC."""
    return {
        "connect_args": {
            "charset": "utf8mb4",
            "connect_timeout": timeout_seconds,
            "read_timeout": timeout_seconds,
            "write_timeout": timeout_seconds,
            "init_command": "SET time_zone = '+00:00', sql_mode = 'TRADITIONAL'",
        },
        # The default, REPEATABLE READ, locks the gaps between keys: two inserts of the same new
        # key would wait for each other.
        "isolation_level": "READ COMMITTED",
    }


class Connection(pymysql.Connection):
    """Connection whose waits end at the deadline of the request.

    A late statement is killed over a second connection: this one is lost, and the server would
    notice only later.
    """

    _most_seconds: float

    def __init__(self, **parameters: Any) -> None:
        self._parameters = parameters
        patience = bounded(parameters["connect_timeout"])
        super().__init__(**{**parameters, "connect_timeout": patience})

    @property
    def _read_timeout(self) -> float:
        return bounded(self._most_seconds)

    @_read_timeout.setter
    def _read_timeout(self, seconds: float) -> None:
        self._most_seconds = seconds

    def query(self, sql: str, unbuffered: bool = False) -> int:
        """Execute a statement; kill one that takes too long."""
        try:
            return super().query(sql, unbuffered)
        except pymysql.OperationalError as error:
            if isinstance(error.__context__, TimeoutError):
                self._kill()
            raise

    def _kill(self) -> None:
        brief = dict.fromkeys(("connect_timeout", "read_timeout"), GRACE_SECONDS)
        with (
            suppress(pymysql.MySQLError),  # the server is unreachable, or has just finished
            closing(pymysql.connect(**{**self._parameters, **brief})) as other,
        ):
            other.kill(self.thread_id())  # type: ignore[no-untyped-call]


def prepare(engine: Engine) -> None:
    """Open connections that end their waits at deadlines."""

    @event.listens_for(engine, "do_connect")
    def connect(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> Connection:
        return Connection(**parameters)


@compiles(CreateTable, "mysql", "mariadb")
def _for_all_of_unicode(create: CreateTable, compiler: DDLCompiler, **options: Any) -> str:
    # A server's default may still be latin1.
    statement: str = compiler.visit_create_table(create, **options)  # type: ignore[no-untyped-call]
    return statement.rstrip() + " CHARACTER SET utf8mb4"


@compiles(DateTime, "mysql", "mariadb")
def _with_microseconds(_: DateTime, compiler: TypeCompiler, **options: Any) -> str:  # noqa: ARG001
    # A plain DATETIME would round to whole seconds.
    return "DATETIME(6)"


DIALECT = Dialect(("mysql", "mariadb"), "mysql+pymysql", options, prepare)
