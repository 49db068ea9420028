"""A migrated, empty database for every test: at TEST_DATABASE_URL, by default SQLite."""

import os
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect

from << cookiecutter.__package >>.bootstrap import DIALECTS
from << cookiecutter.__package >>.chassis import database

from ..conftest import ROOT


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of the database."""
    file = tmp_path_factory.mktemp("database") / "test.db"
    return os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{file}"


@pytest.fixture
def alembic(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The configuration of the migrations."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.chdir(ROOT)
    return Config(ROOT / "alembic.ini")


@pytest.fixture
def engine(alembic: Config, database_url: str) -> Iterator[Engine]:
    """An engine on the migrated, empty database."""
    command.upgrade(alembic, "head")
    settings = database.DatabaseSettings.model_validate({"DATABASE_URL": database_url})
    engine = database.make_engine(settings, DIALECTS)
    yield engine
    engine.dispose()
    command.downgrade(alembic, "base")


def tables(engine: Engine) -> set[str]:
    """Return the names of all tables."""
    return set(inspect(engine).get_table_names())
