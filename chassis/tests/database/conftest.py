"""A database with one table for every test: of TEST_DATABASE_URL, else SQLite."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chassis import context, database
from support.tables import DIALECTS


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the database."""
    file = tmp_path_factory.mktemp("database") / "test.db"
    return os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{file}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Return an engine on the empty table."""
    settings = database.DatabaseSettings.model_validate({"DATABASE_URL": database_url})
    engine = database.make_engine(settings, DIALECTS)
    database.Base.metadata.create_all(engine)
    yield engine
    context.clear_deadline()
    database.Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Engine]:
    """Return an engine on SQLite, also where the others are on a server."""
    given = {"DATABASE_URL": f"sqlite:///{tmp_path}/test.db"}
    engine = database.make_engine(database.DatabaseSettings.model_validate(given), DIALECTS)
    yield engine
    engine.dispose()
