import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session

from chassis import context, database
from chassis.context import DeadlineExceeded
from support.tables import DIALECTS, Item

BEFORE_ANY_OTHER_LIMIT = 2.0


@pytest.fixture
def within() -> Iterator[Callable[[float], None]]:
    """Return a function that limits the time of the request from now on."""
    yield context.start_deadline
    context.start_deadline(3600)


@contextmanager
def too_late() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        yield
    assert time.monotonic() - began < BEFORE_ANY_OTHER_LIMIT


def create(engine: Engine) -> None:
    with Session(engine) as session:
        session.add(Item(id=1, name="first"))
        session.commit()


def rename(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(Item).values(name=name))


def name_in(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return connection.scalar(select(Item.name))


def test_a_statement_ends_at_the_deadline(engine: Engine, within: Callable[[float], None]) -> None:
    create(engine)
    with engine.connect() as other:
        other.execute(update(Item).values(name="locked"))

        within(0.1)
        with too_late():
            rename(engine, "late")
        within(3600)
        other.rollback()

    assert name_in(engine) == "first"
    rename(engine, "in time")
    assert name_in(engine) == "in time"


def test_nothing_is_committed_after_the_deadline(
    engine: Engine, within: Callable[[float], None]
) -> None:
    create(engine)
    with too_late(), Session(engine) as session:
        session.get_one(Item, 1).name = "late"
        session.flush()
        within(-1)
        session.commit()

    within(3600)
    assert name_in(engine) == "first"
    rename(engine, "no lock is left")


def test_no_statement_begins_after_the_deadline(engine: Engine, within: Callable[[float], None]) -> None:
    with engine.connect() as connection:
        within(-1)
        with pytest.raises(DeadlineExceeded):
            connection.execute(select(Item))


def test_the_deadline_bounds_the_wait_for_a_connection(
    database_url: str, within: Callable[[float], None]
) -> None:
    given = {"DATABASE_URL": database_url, "DATABASE_POOL_SIZE": "1"}
    narrow = database.make_engine(database.DatabaseSettings.model_validate(given), DIALECTS)
    with narrow.connect():
        within(0.05)
        with too_late():
            narrow.connect()
    within(3600)
    narrow.connect().close()
    narrow.dispose()


def test_a_long_query_ends_at_the_deadline(embedded: Engine, within: Callable[[float], None]) -> None:
    endless = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e10)"
        " SELECT count(*) FROM n"
    )
    with embedded.connect() as connection:
        within(0.05)
        with too_late():
            connection.scalar(endless)


def test_the_next_request_has_its_usual_time(embedded: Engine, within: Callable[[float], None]) -> None:
    for seconds, expected in ((0.5, range(501)), (3600, range(5000, 5001))):
        within(seconds)
        with embedded.connect() as connection:
            assert connection.scalar(text("PRAGMA busy_timeout")) in expected
