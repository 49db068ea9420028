"""Changes: one database transaction for each unit of work."""

from typing import Self
from uuid import UUID

from sqlalchemy import Connection, Engine, bindparam, delete, insert, update

from ...domain.errors import VersionMismatch
from ...domain.model import << cookiecutter.__class >>
from ..events import EventRecorder
from . import tables
from .idempotency import DatabaseIdempotencyRecords

_stored = (tables.columns.id == bindparam("row_id")) & (
    tables.columns.version == bindparam("stored_version")
)
_insert = insert(tables.<< cookiecutter.__class >>Row)
_update = update(tables.<< cookiecutter.__class >>Row).where(_stored)
_delete = delete(tables.<< cookiecutter.__class >>Row).where(_stored)


class DatabaseUnitOfWork:
    """One database transaction."""

    << cookiecutter.__plural >>: "DatabaseRepository"
    idempotency: DatabaseIdempotencyRecords

    def __init__(self, engine: Engine, recorder: EventRecorder) -> None:
        self._engine = engine
        self._recorder = recorder

    def __enter__(self) -> Self:
        self._connection = self._engine.connect()
        self.<< cookiecutter.__plural >> = DatabaseRepository(self._connection, self._recorder)
        self.idempotency = DatabaseIdempotencyRecords(self._connection)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()  # rolls back what was not committed

    def commit(self) -> None:
        """Commit the transaction."""
        self._connection.commit()


class DatabaseRepository:
    """Aggregates as rows; the version guards against lost updates."""

    def __init__(self, connection: Connection, recorder: EventRecorder) -> None:
        self._connection = connection
        self._recorder = recorder

    def get(self, << cookiecutter.resource >>_id: UUID) -> << cookiecutter.__class >>:
        """Return one to change it; raise NotFound."""
        return tables.load(self._connection, << cookiecutter.resource >>_id)

    def add(self, << cookiecutter.resource >>: << cookiecutter.__class >>) -> None:
        """Store a new one."""
        self._connection.execute(_insert, tables.values(<< cookiecutter.resource >>))
        self._recorder.record(self._connection, << cookiecutter.resource >>.recorded)

    def save(self, << cookiecutter.resource >>: << cookiecutter.__class >>) -> None:
        """Store a changed or deleted one; raise VersionMismatch if another change was first."""
        if << cookiecutter.resource >>.deleted:
            cursor = self._connection.execute(_delete, tables.stored_key(<< cookiecutter.resource >>))
        else:
            cursor = self._connection.execute(_update, tables.changes(<< cookiecutter.resource >>))
        if cursor.rowcount == 0:
            raise VersionMismatch("It was changed at the same time.")
        self._recorder.record(self._connection, << cookiecutter.resource >>.recorded)
