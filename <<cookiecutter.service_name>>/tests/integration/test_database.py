from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Connection, Engine, update

from << cookiecutter.__package >>.adapters import database
from << cookiecutter.__package >>.adapters.database import idempotency
from << cookiecutter.__package >>.adapters.database.tables import IdempotencyRow
from << cookiecutter.__package >>.adapters.events import NoEventRecorder
from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import Adapters
from << cookiecutter.__package >>.chassis.lifecycle import lifecycle
from << cookiecutter.__package >>.domain import errors, events, model
from << cookiecutter.__package >>.domain.ports import IdempotencyKey, IdempotencyRecord
from << cookiecutter.__package >>.use_cases import UseCases

from ..conftest import URL, MakeToken

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
KEY = IdempotencyKey("key", "fingerprint")


@pytest.fixture
def adapters(engine: Engine) -> Adapters:
    recorder = NoEventRecorder()
    reader = database.DatabaseReader(engine)
    return Adapters(lambda: database.DatabaseUnitOfWork(engine, recorder), reader)


def new(name: str) -> model.<< cookiecutter.__class >>:
    return model.<< cookiecutter.__class >>.create(name, None, NOW)


def create(adapters: Adapters, name: str = "first") -> model.<< cookiecutter.__class >>:
    created = new(name)
    with adapters.unit_of_work() as work:
        work.<< cookiecutter.__plural >>.add(created)
        work.commit()
    return created


def test_stored_state_is_read_back_to_the_microsecond(adapters: Adapters) -> None:
    created = create(adapters, "Überraschung \N{PARTY POPPER}")

    assert adapters.reader.get(created.id) == created


def test_nothing_is_stored_without_commit(adapters: Adapters) -> None:
    created = new("lost")
    with adapters.unit_of_work() as work:
        work.<< cookiecutter.__plural >>.add(created)

    with pytest.raises(errors.NotFound):
        adapters.reader.get(created.id)


def test_slower_of_two_changes_is_rejected(adapters: Adapters) -> None:
    created = create(adapters)
    with adapters.unit_of_work() as work:
        slow = work.<< cookiecutter.__plural >>.get(created.id)
    with adapters.unit_of_work() as work:
        fast = work.<< cookiecutter.__plural >>.get(created.id)
        fast.change(NOW, name="fast")
        work.<< cookiecutter.__plural >>.save(fast)
        work.commit()

    slow.change(NOW, name="slow")
    with adapters.unit_of_work() as work, pytest.raises(errors.VersionMismatch):
        work.<< cookiecutter.__plural >>.save(slow)

    assert adapters.reader.get(created.id).name == "fast"


def test_pages_follow_the_order_of_creation(adapters: Adapters) -> None:
    created = sorted(create(adapters, f"n{number}").id for number in range(5))

    first = [each.id for each in adapters.reader.page(None, 3)]
    rest = [each.id for each in adapters.reader.page(first[-1], 3)]

    assert first + rest == created


def test_idempotency_record_holds_the_first_result(adapters: Adapters) -> None:
    record = IdempotencyRecord(KEY, create(adapters))
    with adapters.unit_of_work() as work:
        assert work.idempotency.get("key") is None
        work.idempotency.add(record)
        work.commit()

    with adapters.unit_of_work() as work:
        stored = work.idempotency.get("key")
        other = IdempotencyRecord(IdempotencyKey("key", "other"), record.result)
        with pytest.raises(errors.KeyTaken):
            work.idempotency.add(other)

    assert stored == record


def test_expired_idempotency_record_is_replaced(engine: Engine, adapters: Adapters) -> None:
    record = IdempotencyRecord(KEY, create(adapters))
    with adapters.unit_of_work() as work:
        work.idempotency.add(record)
        work.commit()
    with engine.begin() as connection:
        expired = datetime.now(UTC) - idempotency.RETENTION - timedelta(seconds=1)
        connection.execute(update(IdempotencyRow).values(created_at=expired))

    with adapters.unit_of_work() as work:
        assert work.idempotency.get("key") is None
        work.idempotency.add(record)
        work.commit()


def test_concurrent_requests_with_one_key_have_one_effect(adapters: Adapters) -> None:
    use_cases = UseCases.on(adapters.unit_of_work, adapters.reader)
    start = Barrier(4)

    def run(_: int) -> model.<< cookiecutter.__class >>:
        start.wait()
        return use_cases.create(name="first", description=None, idempotency_key=KEY)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(4)))

    assert len({result.id for result in results}) == 1
    assert len(adapters.reader.page(None, 10)) == 1


def test_events_are_recorded_in_the_transaction_of_the_change(engine: Engine) -> None:
    recorded: list[tuple[str, int]] = []

    class Recorder:
        def record(self, connection: Connection, batch: Sequence[events.DomainEvent]) -> None:
            assert connection.in_transaction()
            recorded.extend((type(event).__name__, event.version) for event in batch)

    created = new("first")
    with database.DatabaseUnitOfWork(engine, Recorder()) as work:
        work.<< cookiecutter.__plural >>.add(created)
        work.commit()
    with database.DatabaseUnitOfWork(engine, Recorder()) as work:
        changed = work.<< cookiecutter.__plural >>.get(created.id)
        changed.change(NOW, name="second")
        work.<< cookiecutter.__plural >>.save(changed)
        work.commit()

    assert recorded == [("<< cookiecutter.__class >>Created", 1), ("<< cookiecutter.__class >>Changed", 2)]


def test_failing_event_recorder_rolls_the_change_back(engine: Engine) -> None:
    class Broken:
        def record(self, *_: object) -> None:
            raise RuntimeError("storage is full")

    created = new("first")
    with pytest.raises(RuntimeError), database.DatabaseUnitOfWork(engine, Broken()) as work:
        work.<< cookiecutter.__plural >>.add(created)

    with pytest.raises(errors.NotFound):
        database.DatabaseReader(engine).get(created.id)


def test_database_without_tables_is_not_ready(
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
