"""The tables."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, String, Text, Uuid, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from ...chassis import database
from ...domain.errors import NotFound
from ...domain.model import << cookiecutter.__class >>
from ...domain.values import DESCRIPTION_MAX_LENGTH, NAME_MAX_LENGTH


class << cookiecutter.__class >>Row(database.Base):
    """The current state of << cookiecutter.__a_noun >>."""

    __tablename__ = "<< cookiecutter.__plural >>"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    version: Mapped[int]
    name: Mapped[str] = mapped_column(String(NAME_MAX_LENGTH))
    description: Mapped[str | None] = mapped_column(String(DESCRIPTION_MAX_LENGTH))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class IdempotencyRow(database.Base):
    """The result of an idempotency key."""

    __tablename__ = "idempotency_records"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)


metadata = database.Base.metadata

table = << cookiecutter.__class >>Row.__table__
columns = table.c
_by_id = select(table).where(columns.id == bindparam("row_id"))


def load(connection: Connection, row_id: UUID) -> << cookiecutter.__class >>:
    """Return the aggregate of a row; raise NotFound."""
    row = connection.execute(_by_id, {"row_id": row_id}).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no << cookiecutter.__noun >> with this id.")
    return from_row(row)


def from_row(row: Mapping[Any, Any]) -> << cookiecutter.__class >>:
    """Return the aggregate of a row."""
    return << cookiecutter.__class >>(**row)


def values(aggregate: << cookiecutter.__class >>) -> dict[str, Any]:
    """Return the row of an aggregate."""
    return {column.key: getattr(aggregate, column.key) for column in columns}


def stored_key(aggregate: << cookiecutter.__class >>) -> dict[str, Any]:
    """Return the parameters that select the row in the version that was loaded."""
    return {"row_id": aggregate.id, "stored_version": aggregate.stored_version}


def changes(aggregate: << cookiecutter.__class >>) -> dict[str, Any]:
    """Return the parameters that update this row."""
    return values(aggregate) | stored_key(aggregate)
