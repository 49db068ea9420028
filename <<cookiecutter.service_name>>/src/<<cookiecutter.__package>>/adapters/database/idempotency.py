"""Idempotency records, kept for a day."""

import random
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from ...domain.errors import KeyTaken
from ...domain.model import << cookiecutter.__class >>
from ...domain.ports import IdempotencyKey, IdempotencyRecord
from .tables import IdempotencyRow

RETENTION = timedelta(hours=24)
_SWEEP_PROBABILITY = 0.01

_json = TypeAdapter(<< cookiecutter.__class >>)


class DatabaseIdempotencyRecords:
    """The results of idempotency keys, in the transaction of their effects."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> IdempotencyRecord | None:
        """Return the record of a key, None for a new or expired key."""
        statement = select(IdempotencyRow.fingerprint, IdempotencyRow.result).where(
            IdempotencyRow.key == key,
            IdempotencyRow.created_at > datetime.now(UTC) - RETENTION,
        )
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            return None
        result = _json.validate_json(row.result)
        return IdempotencyRecord(IdempotencyKey(key, row.fingerprint), result)

    def add(self, record: IdempotencyRecord) -> None:
        """Store a record; raise KeyTaken if its key has one by now.

        Waits for a transaction that has just written the same key.
        """
        now = datetime.now(UTC)
        key = record.key.value
        expired = IdempotencyRow.created_at <= now - RETENTION
        # Occasionally sweep all expired records; otherwise only one that is in the way.
        own = [] if random.random() < _SWEEP_PROBABILITY else [IdempotencyRow.key == key]  # noqa: S311
        self._connection.execute(delete(IdempotencyRow).where(expired, *own))
        values = {
            "key": key,
            "fingerprint": record.key.fingerprint,
            "result": _json.dump_json(record.result, exclude={"recorded"}).decode(),
            "created_at": now,
        }
        try:
            self._connection.execute(insert(IdempotencyRow), values)
        except IntegrityError:
            raise KeyTaken(key) from None
