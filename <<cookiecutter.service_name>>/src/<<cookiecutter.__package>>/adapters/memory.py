"""The domain's ports in memory, for tests and for trials without a database."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from threading import RLock
from types import TracebackType
from typing import Self
from uuid import UUID

from ..domain.errors import KeyTaken, NotFound, VersionMismatch
from ..domain.events import DomainEvent
from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import IdempotencyRecord


@dataclass
class Memory:
    """The stored state. One unit of work at a time."""

    rows: dict[UUID, << cookiecutter.__class >>] = field(default_factory=dict)
    idempotency: dict[str, IdempotencyRecord] = field(default_factory=dict)
    events: list[DomainEvent] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def unit_of_work(self) -> "MemoryUnitOfWork":
        """Return a new unit of work."""
        return MemoryUnitOfWork(self)

    def get(self, << cookiecutter.resource >>_id: UUID) -> << cookiecutter.__class >>:
        """Return one; raise NotFound."""
        return _load(self.rows, << cookiecutter.resource >>_id)

    def page(self, after: UUID | None, limit: int) -> Sequence[<< cookiecutter.__class >>]:
        """Return up to `limit` that follow `after`, oldest first."""
        ids = sorted(row_id for row_id in self.rows if after is None or row_id > after)
        return [deepcopy(self.rows[row_id]) for row_id in ids[:limit]]


class MemoryUnitOfWork:
    """Works on a copy; `commit` replaces the stored state with it."""

    << cookiecutter.__plural >>: "MemoryRepository"
    idempotency: "MemoryIdempotencyRecords"

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def __enter__(self) -> Self:
        self._memory.lock.acquire()
        self.<< cookiecutter.__plural >> = MemoryRepository(dict(self._memory.rows))
        self.idempotency = MemoryIdempotencyRecords(dict(self._memory.idempotency))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._memory.lock.release()

    def commit(self) -> None:
        """Replace the stored state."""
        self._memory.rows = self.<< cookiecutter.__plural >>.rows
        self._memory.idempotency = self.idempotency.rows
        self._memory.events += self.<< cookiecutter.__plural >>.events


@dataclass
class MemoryRepository:
    """Aggregates by id."""

    rows: dict[UUID, << cookiecutter.__class >>]
    events: list[DomainEvent] = field(default_factory=list)

    def get(self, << cookiecutter.resource >>_id: UUID) -> << cookiecutter.__class >>:
        """Return one to change it; raise NotFound."""
        return _load(self.rows, << cookiecutter.resource >>_id)

    def add(self, << cookiecutter.resource >>: << cookiecutter.__class >>) -> None:
        """Store a new one."""
        self.rows[<< cookiecutter.resource >>.id] = _stored(<< cookiecutter.resource >>)
        self.events += << cookiecutter.resource >>.recorded

    def save(self, << cookiecutter.resource >>: << cookiecutter.__class >>) -> None:
        """Store a changed or deleted one; raise VersionMismatch if another change was first."""
        if self.get(<< cookiecutter.resource >>.id).version != << cookiecutter.resource >>.stored_version:
            raise VersionMismatch("It was changed at the same time.")
        if << cookiecutter.resource >>.deleted:
            del self.rows[<< cookiecutter.resource >>.id]
        else:
            self.rows[<< cookiecutter.resource >>.id] = _stored(<< cookiecutter.resource >>)
        self.events += << cookiecutter.resource >>.recorded


@dataclass
class MemoryIdempotencyRecords:
    """Idempotency records by key."""

    rows: dict[str, IdempotencyRecord]

    def get(self, key: str) -> IdempotencyRecord | None:
        """Return the record of a key, None for a new key."""
        return self.rows.get(key)

    def add(self, record: IdempotencyRecord) -> None:
        """Store a record; raise KeyTaken if its key has one by now."""
        if record.key.value in self.rows:
            raise KeyTaken(record.key.value)
        self.rows[record.key.value] = IdempotencyRecord(record.key, _stored(record.result))


def _load(rows: dict[UUID, << cookiecutter.__class >>], row_id: UUID) -> << cookiecutter.__class >>:
    if row_id not in rows:
        raise NotFound("There is no << cookiecutter.__noun >> with this id.")
    return deepcopy(rows[row_id])


def _stored(aggregate: << cookiecutter.__class >>) -> << cookiecutter.__class >>:
    copy = deepcopy(aggregate)
    copy.recorded.clear()
    return copy
