"""Reads, each a single statement, on an engine without transactions."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Engine, bindparam, select

from ...domain.model import << cookiecutter.__class >>
from . import tables

_first_page = select(tables.table).order_by(tables.columns.id).limit(bindparam("limit"))
_next_page = _first_page.where(tables.columns.id > bindparam("after"))


class DatabaseReader:
    """Reads the current state."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, << cookiecutter.resource >>_id: UUID) -> << cookiecutter.__class >>:
        """Return one; raise NotFound."""
        with self._engine.connect() as connection:
            return tables.load(connection, << cookiecutter.resource >>_id)

    def page(self, after: UUID | None, limit: int) -> Sequence[<< cookiecutter.__class >>]:
        """Return up to `limit` that follow `after`, oldest first."""
        statement = _first_page if after is None else _next_page
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"after": after, "limit": limit})
            return [tables.from_row(row) for row in rows.mappings()]

    def check(self) -> None:
        """Raise if the database does not answer, or lacks a table or column."""
        with self._engine.connect() as connection:
            for table in tables.metadata.sorted_tables:
                connection.execute(select(table).limit(0))
