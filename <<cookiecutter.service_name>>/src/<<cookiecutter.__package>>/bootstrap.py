"""Composition root of what the service calls: builds its adapters from settings."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import ModuleType

from . import settings
<% if cookiecutter.depends_on %>
from .adapters import peers
<% endif %>
from .adapters.database import DatabaseReader, DatabaseUnitOfWork
from .adapters.memory import Memory
from .domain.ports import Reader, UnitOfWork
from .platform import announcement_<< cookiecutter.discovery >>, database
from .platform import << cookiecutter.__wire >> as wire
from .platform.announcement import Announcement
from .platform.database import (
<% for dialect in [cookiecutter.database, "sqlite"] | unique %>
    << dialect >>,
<% endfor %>
)
from .platform.environ import RoomSettings, Settings
from .platform.listening import Listening

DIALECTS: list[database.Dialect] = [
<% for dialect in [cookiecutter.database, "sqlite"] | unique %>
    << dialect >>,
<% endfor %>
]

# What the application has besides the rooms that app.py names, and all settings there are.
ROOMS: tuple[ModuleType, ...] = (wire,)
KINDS: tuple[type[RoomSettings], ...] = (
    *settings.KINDS,
    *announcement_<< cookiecutter.discovery >>.KINDS,
    wire.Settings,
<% if cookiecutter.depends_on %>
    *peers.KINDS,
<% endif %>
)


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the use cases stand on, how to tell whether it works, and what to do at the end."""

    unit_of_work: Callable[[], UnitOfWork]
    reader: Reader
<% if cookiecutter.depends_on %>
    clients: peers.Clients = field(default_factory=peers.in_memory)
<% endif %>
    checks: dict[str, Callable[[], None]] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings of everything.

    Raises:
        SettingsError: lists every variable that is missing or wrong.
    """
    return settings.read(environ, KINDS)


def listening(given: Settings) -> Listening:
    """Say where this process listens."""
    server = given[settings.ServerSettings]
    return Listening(server.host, *given[wire.Settings].listens, health_port=server.port)


def announcement(given: Settings) -> Announcement:
    """Build what tells others where this process serves."""
    return announcement_<< cookiecutter.discovery >>.announcement(given, settings.SERVICE_NAME, listening(given))


def connect(given: Settings) -> Adapters:
    """Build the adapters of a running service.

    Raises:
        SettingsError: `DATABASE_URL` names no database that this service speaks.
    """
    closing = ExitStack()
    engine = database.make_engine(given[database.Settings], DIALECTS)
    closing.callback(engine.dispose)
    # A pool of its own: to switch a connection to and fro would cost round trips each time.
    reading = database.make_engine(given[database.Settings], DIALECTS, autocommit=True)
    closing.callback(reading.dispose)
    reader = DatabaseReader(reading)
    return Adapters(
        unit_of_work=lambda: DatabaseUnitOfWork(engine),
        reader=reader,
<% if cookiecutter.depends_on %>
        clients=peers.connect(given, given[wire.Settings], closing),
<% endif %>
        checks={"database": reader.check},
        close=closing.close,
    )


def in_memory() -> Adapters:
    """Build adapters that forget everything at the end."""
    memory = Memory()
    return Adapters(unit_of_work=memory.unit_of_work, reader=memory)
