"""Composition root of what the service calls: builds its adapters from settings."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .adapters.database import DatabaseReader, DatabaseUnitOfWork
from .adapters.memory import Memory
from .domain.ports import Reader, UnitOfWork
from .platform import database
from .platform.database import (
<% if cookiecutter.database == "mysql" %>
    mysql,
<% endif %>
<% if cookiecutter.database == "postgresql" %>
    postgresql,
<% endif %>
    sqlite,
)
from .platform.environ import Settings

DIALECTS: list[database.Dialect] = [
<% if cookiecutter.database == "mysql" %>
    mysql,
<% endif %>
<% if cookiecutter.database == "postgresql" %>
    postgresql,
<% endif %>
    sqlite,
]


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the use cases stand on, how to tell whether it works, and what to do at the end."""

    unit_of_work: Callable[[], UnitOfWork]
    reader: Reader
    checks: dict[str, Callable[[], None]] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


def connect(settings: Settings) -> Adapters:
    """Build the adapters of a running service.

    Raises:
        SettingsError: `DATABASE_URL` names no database that this service speaks.
    """
    engine = database.make_engine(settings[database.Settings], DIALECTS)
    # A pool of its own: to switch a connection to and fro would cost round trips each time.
    reading = database.make_engine(settings[database.Settings], DIALECTS, autocommit=True)
    reader = DatabaseReader(reading)

    def close() -> None:
        engine.dispose()
        reading.dispose()

    return Adapters(
        unit_of_work=lambda: DatabaseUnitOfWork(engine),
        reader=reader,
        checks={"database": reader.check},
        close=close,
    )


def in_memory() -> Adapters:
    """Build adapters that forget everything at the end."""
    memory = Memory()
    return Adapters(unit_of_work=memory.unit_of_work, reader=memory)
