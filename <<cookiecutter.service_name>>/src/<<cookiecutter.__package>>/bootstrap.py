"""Composition root of the outbound side: builds adapters and use cases from settings."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import ModuleType

<% if cookiecutter.depends_on %>
from .adapters import peers
<% endif %>
from .adapters.database import DatabaseReader, DatabaseUnitOfWork
from .adapters.events import NoEventRecorder
from .chassis import database
from .chassis import << cookiecutter.__transport >> as transport
from .chassis.database.dialects import << [cookiecutter.database, "sqlite"] | unique | join(", ") >>
from .chassis.discovery import Instance
from .chassis.discovery.registration import << cookiecutter.discovery >> as registry
from .chassis.inbound import Listening, Registration, ServerSettings
from .chassis.settings import Settings
from .domain.ports import Reader, UnitOfWork
from .settings import SERVICE_NAME

DIALECTS = [<< [cookiecutter.database, "sqlite"] | unique | join(".DIALECT, ") >>.DIALECT]

# The transport between services is an extension of the application, see app.py.
TRANSPORT: ModuleType = transport


@dataclass(frozen=True, slots=True)
class Adapters:
    """The outbound adapters, their readiness checks, and how to release them."""

    unit_of_work: Callable[[], UnitOfWork]
    reader: Reader
<% if cookiecutter.depends_on %>
    clients: peers.Clients = field(default_factory=peers.in_memory)
<% endif %>
    checks: dict[str, Callable[[], None]] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


def connect(settings: Settings) -> Adapters:
    """Return the adapters of a running service; they connect at first use.

    Raises:
        SettingsError: `DATABASE_URL` names an unsupported database.
    """
    closing = ExitStack()
    engine = database.make_engine(settings[database.DatabaseSettings], DIALECTS)
    closing.callback(engine.dispose)
    # A separate pool: switching a connection between modes would cost round trips each time.
    reading = database.make_engine(settings[database.DatabaseSettings], DIALECTS, autocommit=True)
    closing.callback(reading.dispose)
    reader = DatabaseReader(reading)
    recorder = NoEventRecorder()
    return Adapters(
        unit_of_work=lambda: DatabaseUnitOfWork(engine, recorder),
        reader=reader,
<% if cookiecutter.depends_on %>
        clients=peers.connect(settings, closing),
<% endif %>
        checks={"database": reader.check},
        close=closing.close,
    )


def listening(settings: Settings) -> Listening:
    """Return the addresses that this process listens on."""
    server = settings[ServerSettings]
    return Listening(server.host, *transport.endpoint(settings), health_port=server.port)


def registration(settings: Settings) -> Registration:
    """Return the registration of this process with the service registry."""
    bound = listening(settings)
    instance = Instance(bound.scheme, bound.host, bound.port)
    return registry.registration(settings, SERVICE_NAME, instance, bound.health_port)
