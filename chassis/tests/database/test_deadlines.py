import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text, update

from << cookiecutter.__package >>.adapters import database as adapters
from << cookiecutter.__package >>.bootstrap import DIALECTS
from << cookiecutter.__package >>.domain import model
from << cookiecutter.__package >>.platform import database, deadline
from << cookiecutter.__package >>.platform.deadline import DeadlineExceeded

Row = adapters.<< cookiecutter.__class >>Row
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE_ANY_OTHER_LIMIT = 2.0


@pytest.fixture
def within() -> Iterator[Callable[[float], None]]:
    """Sets the time that the request may take from now on."""
    yield deadline.start
    deadline.start(3600)


@contextmanager
def too_late() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        yield
    assert time.monotonic() - began < BEFORE_ANY_OTHER_LIMIT


def create(engine: Engine) -> model.<< cookiecutter.__class >>:
    new = model.<< cookiecutter.__class >>.create(
        name="first",
        description=None,
        at=NOW,
    )
    with adapters.DatabaseUnitOfWork(engine) as work:
        work.repository.add(new)
        work.commit()
    return new


def rename(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(Row).values(name=name))


def test_a_statement_ends_at_the_deadline(engine: Engine, within: Callable[[float], None]) -> None:
    created = create(engine)
    with engine.connect() as other:
        other.execute(update(Row).values(name="locked"))

        within(0.1)
        with too_late():
            rename(engine, "late")
        within(3600)
        other.rollback()

    assert adapters.DatabaseReader(engine).get(created.id).name == "first"
    rename(engine, "in time")
    assert adapters.DatabaseReader(engine).get(created.id).name == "in time"


def test_nothing_is_committed_after_the_deadline(
    engine: Engine, within: Callable[[float], None]
) -> None:
    created = create(engine)
    with too_late(), adapters.DatabaseUnitOfWork(engine) as work:
        changed = work.repository.get(created.id)
        changed.change(NOW, name="late")
        work.repository.save(changed)
        within(-1)
        work.commit()

    within(3600)
    assert adapters.DatabaseReader(engine).get(created.id).name == "first"
    rename(engine, "nobody holds a lock")


def test_nobody_waits_for_a_connection_after_the_deadline(
    database_url: str, within: Callable[[float], None]
) -> None:
    given = {"DATABASE_URL": database_url, "DATABASE_POOL_SIZE": "1"}
    narrow = database.make_engine(database.Settings.model_validate(given), DIALECTS)
    with narrow.connect():
        within(0.05)
        with too_late():
            narrow.connect()
    within(3600)
    narrow.connect().close()
    narrow.dispose()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Engine]:
    """An engine on the embedded database, whatever the others are on."""
    given = {"DATABASE_URL": f"sqlite:///{tmp_path}/test.db"}
    engine = database.make_engine(database.Settings.model_validate(given), DIALECTS)
    yield engine
    engine.dispose()


def test_a_long_query_ends_at_the_deadline(
    embedded: Engine, within: Callable[[float], None]
) -> None:
    endless = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e10)"
        " SELECT count(*) FROM n"
    )
    with embedded.connect() as connection:
        within(0.05)
        with too_late():
            connection.scalar(endless)


def test_the_next_request_has_its_usual_time(
    embedded: Engine, within: Callable[[float], None]
) -> None:
    for seconds, expected in ((0.5, range(501)), (3600, range(5000, 5001))):
        within(seconds)
        with embedded.connect() as connection:
            assert connection.scalar(text("PRAGMA busy_timeout")) in expected
