"""Composition root of what the service calls: builds its adapters from settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType

from . import settings
<% if cookiecutter.depends_on %>
from .adapters import peers
<% endif %>
from .adapters.database import DatabaseReader, DatabaseUnitOfWork
from .adapters.memory import Memory
from .domain.ports import Reader, UnitOfWork
from .platform import (
    database,
<% if cookiecutter.mesh == "none" %>
    tls,
<% endif %>
)
from .platform.announcement import Announcement<< ", Unannounced" if cookiecutter.discovery == "dns" else "" >>
from .platform.database import (
<% if cookiecutter.database == "mysql" %>
    mysql,
<% endif %>
<% if cookiecutter.database == "postgresql" %>
    postgresql,
<% endif %>
    sqlite,
)
<% if cookiecutter.discovery != "dns" %>
from .platform.discovery import announcer_address, << cookiecutter.discovery >>
from .platform.discovery.announcer import Announcer
<% endif %>
<% if cookiecutter.depends_on and cookiecutter.discovery != "dns" %>
from .platform.discovery.announcer_peers import Watched
from .platform.discovery.<< cookiecutter.discovery >>_peers import Source
<% endif %>
<% if cookiecutter.depends_on and cookiecutter.discovery == "dns" %>
from .platform.discovery.dns import Dns
<% endif %>
from .platform.environ import RoomSettings, Settings
<% if cookiecutter.depends_on and cookiecutter.mesh != "none" %>
from .platform.peers.http import PlainPools
<% endif %>
<% if cookiecutter.depends_on %>
from .platform.peers.peer import Peers
from .platform.peers.settings import PeersSettings
from .platform.peers.token_settings import TokenSettings
from .platform.peers.tokens import Tokens
<% endif %>
<% if cookiecutter.depends_on and cookiecutter.mesh == "none" %>
from .platform.tls import client_peers
<% endif %>

DIALECTS: list[database.Dialect] = [
<% if cookiecutter.database == "mysql" %>
    mysql,
<% endif %>
<% if cookiecutter.database == "postgresql" %>
    postgresql,
<% endif %>
    sqlite,
]

# What the application has besides the rooms that app.py names, and all settings there are.
ROOMS: tuple[ModuleType, ...] = << "(tls,)" if cookiecutter.mesh == "none" else "()" >>
KINDS: tuple[type[RoomSettings], ...] = (
    *settings.KINDS,
<% if cookiecutter.mesh == "none" %>
    tls.Settings,
<% endif %>
<% if cookiecutter.depends_on %>
    PeersSettings,
    TokenSettings,
    *peers.SETTINGS,
<% endif %>
<% if cookiecutter.discovery != "dns" %>
    announcer_address.Settings,
    << cookiecutter.discovery >>.Settings,
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


<% if cookiecutter.discovery == "dns" %>
def announcement(given: Settings) -> Announcement:  # noqa: ARG001 (the platform needs no telling)
    """Build what tells others where this process serves."""
    return Unannounced()
<% endif %>
<% if cookiecutter.discovery != "dns" %>
def announcement(given: Settings) -> Announcement:
    """Build what tells others where this process serves."""
    server = given[settings.ServerSettings]
    scheme, port = "http", server.port
<% endif %>
<% if cookiecutter.discovery != "dns" and cookiecutter.mesh == "none" %>
    if given[tls.Settings].enabled:
        scheme, port = "https", given[tls.Settings].port
<% endif %>
<% if cookiecutter.discovery != "dns" %>
    address = announcer_address.Advertised(
        scheme,
        server.host,
        port,
        given[announcer_address.Settings],
    )
    client = << cookiecutter.discovery >>.Client(given[<< cookiecutter.discovery >>.Settings])
    registry = << cookiecutter.discovery >>.Registry(client, settings.SERVICE_NAME, address)
    return Announcer(registry, server.host, server.port)
<% endif %>


def connect(given: Settings) -> Adapters:
    """Build the adapters of a running service.

    Raises:
        SettingsError: `DATABASE_URL` names no database that this service speaks.
    """
    engine = database.make_engine(given[database.Settings], DIALECTS)
    # A pool of its own: to switch a connection to and fro would cost round trips each time.
    reading = database.make_engine(given[database.Settings], DIALECTS, autocommit=True)
    reader = DatabaseReader(reading)
<% if cookiecutter.depends_on and cookiecutter.discovery == "dns" %>
    directory = Dns(<< "*given[tls.Settings].address" if cookiecutter.mesh == "none" else '"http", 8000' >>)
<% endif %>
<% if cookiecutter.depends_on and cookiecutter.discovery != "dns" %>
    directory = Watched(Source(<< cookiecutter.discovery >>.Client(given[<< cookiecutter.discovery >>.Settings])))
<% endif %>
<% if cookiecutter.depends_on %>
    calls = Peers(
        given[PeersSettings],
        directory,
        << "client_peers.pools(given[tls.Settings], " if cookiecutter.mesh == "none" else "PlainPools(" >>given[PeersSettings].max_concurrent_calls),
        Tokens(given[TokenSettings]),
    )
<% endif %>

    def close() -> None:
        engine.dispose()
        reading.dispose()
<% if cookiecutter.depends_on %>
        calls.close()
<% endif %>

    return Adapters(
        unit_of_work=lambda: DatabaseUnitOfWork(engine),
        reader=reader,
<% if cookiecutter.depends_on %>
        clients=peers.connect(calls, given),
<% endif %>
        checks={"database": reader.check},
        close=close,
    )


def in_memory() -> Adapters:
    """Build adapters that forget everything at the end."""
    memory = Memory()
    return Adapters(unit_of_work=memory.unit_of_work, reader=memory)
