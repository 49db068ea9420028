"""The domain's ports on the service's own database, by SQLAlchemy.

Tables are typed models; statements are Core, built once: an identity map would cost more than it
saves in requests that touch one row. Reads run without a transaction, each change in one.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import (
    Connection,
    Engine,
    String,
    Text,
    Uuid,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from ..domain.errors import KeyTaken, NotFound, VersionMismatch
from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import IdempotencyRecord
from ..domain.values import DESCRIPTION_MAX_LENGTH, NAME_MAX_LENGTH
from ..platform.database import Base

RECORDS_KEPT = timedelta(hours=24)
_SWEEP_PROBABILITY = 0.01


class << cookiecutter.__class >>Row(Base):
    """The current state of << cookiecutter.__a_noun >>."""

    __tablename__ = "<< cookiecutter.__plural >>"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    version: Mapped[int]
    name: Mapped[str] = mapped_column(String(NAME_MAX_LENGTH))
    description: Mapped[str | None] = mapped_column(String(DESCRIPTION_MAX_LENGTH))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class IdempotencyRow(Base):
    """The answer to an idempotency key."""

    __tablename__ = "idempotency_records"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)


_snapshot = TypeAdapter(<< cookiecutter.__class >>)
_table = << cookiecutter.__class >>Row.__table__.c
_all_columns = (
    _table.id,
    _table.version,
    _table.name,
    _table.description,
    _table.created_at,
    _table.updated_at,
)
_by_id = select(*_all_columns).where(_table.id == bindparam("wanted"))
_first_page = select(*_all_columns).order_by(_table.id).limit(bindparam("limit"))
_next_page = _first_page.where(_table.id > bindparam("after"))
_insert = insert(<< cookiecutter.__class >>Row)
_of_stored_version = (_table.id == bindparam("wanted")) & (_table.version == bindparam("stored"))
_update = update(<< cookiecutter.__class >>Row).where(_of_stored_version)
_delete = delete(<< cookiecutter.__class >>Row).where(_of_stored_version)


class DatabaseReader:
    """Reads, each a single statement, on an engine without transactions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, wanted: UUID) -> << cookiecutter.__class >>:
        """Load one; raises NotFound."""
        with self._engine.connect() as connection:
            return _get(connection, wanted)

    def page(
        self,
        after: UUID | None,
        limit: int,
    ) -> Sequence[<< cookiecutter.__class >>]:
        """Load up to `limit`, oldest first, that follow `after`."""
        statement = _first_page if after is None else _next_page
        with self._engine.connect() as connection:
            found = connection.execute(statement, {"after": after, "limit": limit})
            return [<< cookiecutter.__class >>(**row) for row in found.mappings()]

    def check(self) -> None:
        """Raise if the database does not answer, or lacks what the code needs."""
        with self._engine.connect() as connection:
            for table in Base.metadata.sorted_tables:
                connection.execute(select(table).limit(0))


class DatabaseUnitOfWork:
    """One database transaction."""

    repository: "DatabaseRepository"
    idempotency: "DatabaseIdempotency"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Self:
        self._connection = self._engine.connect()
        self.repository = DatabaseRepository(self._connection)
        self.idempotency = DatabaseIdempotency(self._connection)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()  # rolls back what was not committed

    def commit(self) -> None:
        """Commit the transaction."""
        self._connection.commit()


class DatabaseRepository:
    """Aggregates as rows; the version guards against lost updates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, wanted: UUID) -> << cookiecutter.__class >>:
        """Load one to change it; raises NotFound."""
        return _get(self._connection, wanted)

    def add(self, new: << cookiecutter.__class >>) -> None:
        """Store a new one."""
        self._connection.execute(_insert, {"id": new.id, **_values(new)})

    def save(self, changed: << cookiecutter.__class >>) -> None:
        """Store a changed or deleted one; raises VersionMismatch when another was faster."""
        key = {"wanted": changed.id, "stored": changed.stored_version}
        if changed.deleted:
            result = self._connection.execute(_delete, key)
        else:
            result = self._connection.execute(_update.values(_values(changed)), key)
        if result.rowcount == 0:
            raise VersionMismatch("It was changed at the same time.")


class DatabaseIdempotency:
    """Idempotency records, kept for a day."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> IdempotencyRecord | None:
        """Look up what was answered; None for a key that is new or has expired."""
        statement = select(IdempotencyRow.fingerprint, IdempotencyRow.result).where(
            IdempotencyRow.key == key,
            IdempotencyRow.created_at > datetime.now(UTC) - RECORDS_KEPT,
        )
        row = self._connection.execute(statement).one_or_none()
        return row and IdempotencyRecord(key, row.fingerprint, _snapshot.validate_json(row.result))

    def add(self, record: IdempotencyRecord) -> None:
        """Remember an answer; raises KeyTaken when the key has one by now.

        Waits for a transaction that has just written the same key.
        """
        now = datetime.now(UTC)
        expired = IdempotencyRow.created_at <= now - RECORDS_KEPT
        # Now and then all that has expired; else just what would be in the way.
        mine = [] if random.random() < _SWEEP_PROBABILITY else [IdempotencyRow.key == record.key]  # noqa: S311
        self._connection.execute(delete(IdempotencyRow).where(expired, *mine))
        result = _snapshot.dump_json(record.result, exclude={"recorded"}).decode()
        values = {
            "key": record.key,
            "fingerprint": record.fingerprint,
            "result": result,
            "created_at": now,
        }
        try:
            self._connection.execute(insert(IdempotencyRow), values)
        except IntegrityError:
            raise KeyTaken(record.key) from None


def _get(connection: Connection, wanted: UUID) -> << cookiecutter.__class >>:
    row = connection.execute(_by_id, {"wanted": wanted}).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no << cookiecutter.__noun >> with this id.")
    return << cookiecutter.__class >>(**row)


def _values(given: << cookiecutter.__class >>) -> dict[str, Any]:
    return {
        "version": given.version,
        "name": given.name,
        "description": given.description,
        "created_at": given.created_at,
        "updated_at": given.updated_at,
    }
