from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Engine, text, update

from << cookiecutter.__package >>.adapters.database import (
    RECORDS_KEPT,
    DatabaseReader,
    DatabaseUnitOfWork,
    IdempotencyRow,
)
from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import Adapters, in_memory
from << cookiecutter.__package >>.domain import errors, model
from << cookiecutter.__package >>.domain.ports import IdempotencyRecord
from << cookiecutter.__package >>.platform import deadline
from << cookiecutter.__package >>.platform.lifecycle import lifecycle
from << cookiecutter.__package >>.service import UseCases
from << cookiecutter.__package >>.service.create import Once

from ..conftest import URL, MakeToken

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def stored(engine: Engine) -> Adapters:
    return Adapters(lambda: DatabaseUnitOfWork(engine), DatabaseReader(engine))


@pytest.fixture(params=["memory", "database"])
def adapters(request: pytest.FixtureRequest) -> Adapters:
    """Both fulfil the same ports, so both pass the same tests."""
    if request.param == "memory":
        return in_memory()
    found: Adapters = request.getfixturevalue("stored")
    return found


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


def begin(name: str, at: datetime = NOW) -> model.<< cookiecutter.__class >>:
    return model.<< cookiecutter.__class >>.create(
        name=name,
        description=None,
        at=at,
    )


def create(
    adapters: Adapters,
    name: str = "first",
    at: datetime = NOW,
) -> model.<< cookiecutter.__class >>:
    new = begin(name, at)
    with adapters.unit_of_work() as work:
        work.repository.add(new)
        work.commit()
    return new


def test_what_was_stored_comes_back_to_the_microsecond(adapters: Adapters) -> None:
    new = create(adapters, "Überraschung \N{PARTY POPPER}")

    assert adapters.reader.get(new.id) == new


def test_what_was_not_committed_never_happened(adapters: Adapters) -> None:
    new = begin("lost")
    with adapters.unit_of_work() as work:
        work.repository.add(new)

    with pytest.raises(errors.NotFound):
        adapters.reader.get(new.id)


def test_the_slower_of_two_changes_is_refused(adapters: Adapters) -> None:
    key = create(adapters).id
    with adapters.unit_of_work() as work:
        slow = work.repository.get(key)
    with adapters.unit_of_work() as work:
        fast = work.repository.get(key)
        fast.change(NOW, name="fast")
        work.repository.save(fast)
        work.commit()

    slow.change(NOW, name="slow")
    with adapters.unit_of_work() as work, pytest.raises(errors.VersionMismatch):
        work.repository.save(slow)

    assert adapters.reader.get(key).name == "fast"


def test_pages_follow_the_order_of_creation(adapters: Adapters) -> None:
    created = sorted(create(adapters, f"n{number}").id for number in range(5))

    first = [each.id for each in adapters.reader.page(None, 3)]
    rest = [each.id for each in adapters.reader.page(first[-1], 3)]

    assert first + rest == created


def test_a_record_gives_the_first_answer(adapters: Adapters) -> None:
    answer = create(adapters)
    with adapters.unit_of_work() as work:
        assert work.idempotency.get("key") is None
        work.idempotency.add(IdempotencyRecord("key", "fingerprint", answer))
        work.commit()

    with adapters.unit_of_work() as work:
        found = work.idempotency.get("key")
        with pytest.raises(errors.KeyTaken):
            work.idempotency.add(IdempotencyRecord("key", "other", answer))

    assert found == IdempotencyRecord("key", "fingerprint", answer)


def test_an_expired_record_counts_no_longer(engine: Engine, stored: Adapters) -> None:
    answer = create(stored)
    with stored.unit_of_work() as work:
        work.idempotency.add(IdempotencyRecord("key", "fingerprint", answer))
        work.commit()
    with engine.begin() as connection:
        expired = datetime.now(UTC) - RECORDS_KEPT - timedelta(seconds=1)
        connection.execute(update(IdempotencyRow).values(created_at=expired))

    with stored.unit_of_work() as work:
        assert work.idempotency.get("key") is None
        work.idempotency.add(IdempotencyRecord("key", "other", answer))
        work.commit()


def test_two_at_once_with_the_same_key_have_one_effect(stored: Adapters) -> None:
    use_cases = UseCases.on(stored.unit_of_work, stored.reader)
    start = Barrier(4)

    def run(_: int) -> model.<< cookiecutter.__class >>:
        start.wait()
        return use_cases.create(name="first", description=None, once=Once("key", "fingerprint"))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(4)))

    assert len({answer.id for answer in answers}) == 1
    assert len(stored.reader.page(None, 10)) == 1


def test_times_are_stored_in_utc(engine: Engine, stored: Adapters) -> None:
    new = create(stored, at=NOW.astimezone(timezone(timedelta(hours=5))))

    assert stored.reader.get(new.id).created_at == NOW
    statement = text("SELECT created_at FROM << cookiecutter.__plural >>")
    with engine.connect() as connection:
        raw = connection.scalar(statement)
    assert "12:00:00.123456" in str(raw)


def test_no_statement_begins_after_the_deadline(stored: Adapters) -> None:
    deadline.start(-1)
    try:
        with pytest.raises(deadline.DeadlineExceeded):
            stored.reader.page(None, 1)
    finally:
        deadline.start(3600)


def test_every_statement_has_a_span(stored: Adapters, spans: InMemorySpanExporter) -> None:
    with trace.get_tracer(__name__).start_as_current_span("request") as parent:
        create(stored)

    found = [span for span in spans.get_finished_spans() if span.name == "INSERT"]
    assert len(found) == 1
    assert found[0].parent == parent.get_span_context()
    attributes = found[0].attributes or {}
    assert attributes["db.operation.name"] == "INSERT"
    assert "first" not in str(attributes["db.query.text"])


def test_a_database_without_tables_is_not_ready(
    environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory, make_token: MakeToken
) -> None:
    empty = tmp_path_factory.mktemp("empty") / "empty.db"
    app = create_app(environ | {"DATABASE_URL": f"sqlite:///{empty}"})
    client = app.test_client()
    headers = {"Authorization": f"Bearer {make_token()}"}

    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200
    response = client.get(URL, headers=headers)
    assert response.status_code == 503
    assert response.get_json()["code"] == "database_unavailable"
    lifecycle(app).stop()
