"""MySQL and MariaDB, by PyMySQL."""

from typing import Any

from sqlalchemy import DateTime, Engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import DDLCompiler, TypeCompiler

SCHEMES = ("mysql", "mariadb")
DRIVER = "mysql+pymysql"


def options(timeout_seconds: float) -> dict[str, Any]:
    """Bound connecting and every answer; speak all of Unicode, in UTC."""
    return {
        "connect_args": {
            "charset": "utf8mb4",
            "connect_timeout": max(1, int(timeout_seconds)),
            "read_timeout": timeout_seconds,
            "write_timeout": timeout_seconds,
            "init_command": "SET time_zone = '+00:00', sql_mode = 'TRADITIONAL'",
        },
        # The default, REPEATABLE READ, locks the gaps between keys: two inserts of the same new
        # key would wait for each other.
        "isolation_level": "READ COMMITTED",
    }


def prepare(engine: Engine) -> None:
    """Nothing to attach."""


@compiles(CreateTable, "mysql", "mariadb")
def _for_all_of_unicode(create: CreateTable, compiler: DDLCompiler, **options: Any) -> str:
    # A server's default may still be latin1.
    statement: str = compiler.visit_create_table(create, **options)  # type: ignore[no-untyped-call]
    return statement.rstrip() + " CHARACTER SET utf8mb4"


@compiles(DateTime, "mysql", "mariadb")
def _with_microseconds(_: DateTime, compiler: TypeCompiler, **options: Any) -> str:  # noqa: ARG001
    # A plain DATETIME would round to whole seconds.
    return "DATETIME(6)"
