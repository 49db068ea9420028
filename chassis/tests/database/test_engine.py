from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from chassis import database
from chassis.settings import SettingsError
from support.tables import DIALECTS, NOW, Item


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


def store(engine: Engine, created_at: datetime = NOW) -> None:
    with Session(engine) as session:
        session.add(Item(id=1, name="first", created_at=created_at))
        session.commit()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("oracle://somewhere/else", "DATABASE_URL: oracle:// is not supported"),
        ("somewhere", "DATABASE_URL: is not a database URL"),
    ],
)
def test_another_database_is_rejected_by_name(url: str, problem: str) -> None:
    settings = database.DatabaseSettings.model_validate({"DATABASE_URL": url})

    with pytest.raises(SettingsError, match=problem):
        database.make_engine(settings, DIALECTS)


def test_times_are_stored_in_utc(engine: Engine) -> None:
    store(engine, NOW.astimezone(timezone(timedelta(hours=5))))

    with engine.connect() as connection:
        found = connection.scalar(select(Item.created_at))
        raw = connection.scalar(text("SELECT created_at FROM items"))
    assert found == NOW
    assert found.utcoffset() == timedelta()
    assert "12:00:00.123456" in str(raw)


def test_a_time_needs_its_zone(engine: Engine) -> None:
    with pytest.raises(StatementError, match="A time needs its zone"):
        store(engine, NOW.replace(tzinfo=None))


def test_every_statement_has_a_span(engine: Engine, spans: InMemorySpanExporter) -> None:
    with trace.get_tracer(__name__).start_as_current_span("request") as parent:
        store(engine)

    found = [span for span in spans.get_finished_spans() if span.name == "INSERT"]
    assert len(found) == 1
    assert found[0].parent == parent.get_span_context()
    attributes = found[0].attributes or {}
    assert attributes["db.operation.name"] == "INSERT"
    assert "first" not in str(attributes["db.query.text"])
