"""A table, and the dialects that it is tested on."""

from datetime import UTC, datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database import Base, Dialect
from chassis.database.dialects import mysql, postgresql, sqlite

DIALECTS: tuple[Dialect, ...] = (postgresql.DIALECT, mysql.DIALECT, sqlite.DIALECT)
NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Item(Base):
    """A row."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(default=lambda: NOW)
