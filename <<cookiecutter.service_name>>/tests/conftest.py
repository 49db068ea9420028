"""Shared fixtures: the service with its own database, and tokens that it accepts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from flask.testing import FlaskClient

from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import Adapters, connect
from << cookiecutter.__package >>.chassis import context
from << cookiecutter.__package >>.chassis.auth import AuthSettings, development
from << cookiecutter.__package >>.settings import read

ROOT = Path(__file__).parents[1]
READ = "<< cookiecutter.__path >>:read"
WRITE = "<< cookiecutter.__path >>:write"
URL = "/api/v1/<< cookiecutter.__path >>"

MakeToken = Callable[..., str]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bypass proxies for loopback addresses."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(autouse=True)
def no_deadline() -> Iterator[None]:
    """Clear the deadline after each test."""
    yield
    context.clear_deadline()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database."""
    file = tmp_path_factory.mktemp("migrated") / "empty.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", f"sqlite:///{file}")
        patch.chdir(ROOT)
        command.upgrade(Config("alembic.ini"), "head")
    return file


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> development.Issuer:
    """An issuer of development tokens."""
    return development.Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def environ(issuer: development.Issuer, migrated: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a service that trusts the issuer, with its own database."""
    database = copyfile(migrated, tmp_path / "test.db")
    return {"AUTH_JWKS_URL": issuer.keys.as_uri(), "DATABASE_URL": f"sqlite:///{database}"}


@pytest.fixture
def adapters(environ: dict[str, str]) -> Iterator[Adapters]:
    """The adapters of a running service."""
    adapters = connect(read(environ))
    yield adapters
    adapters.close()


@pytest.fixture
def make_token(issuer: development.Issuer, environ: dict[str, str]) -> MakeToken:
    """Make tokens; keywords add or replace claims."""
    settings = read(environ, [AuthSettings])[AuthSettings]

    def make(scope: str = f"{READ} {WRITE}", **claims: Any) -> str:
        return issuer.token(settings, scope, **claims)

    return make


@pytest.fixture
def client(environ: dict[str, str], adapters: Adapters, make_token: MakeToken) -> FlaskClient:
    """A client with every scope."""
    client = create_app(environ, adapters).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token()}"
    return client
