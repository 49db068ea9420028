"""Everything in memory: for tests of the use cases, and to try them out without a database."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from threading import RLock
from types import TracebackType
from typing import Self
from uuid import UUID

from ..domain.errors import KeyTaken, NotFound, VersionMismatch
from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import IdempotencyRecord


@dataclass
class Memory:
    """What is stored. One unit of work at a time."""

    rows: dict[UUID, << cookiecutter.__class >>] = field(default_factory=dict)
    idempotency: dict[str, IdempotencyRecord] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def unit_of_work(self) -> "MemoryUnitOfWork":
        """Begin a unit of work."""
        return MemoryUnitOfWork(self)

    def get(self, wanted: UUID) -> << cookiecutter.__class >>:
        """Load one; raises NotFound."""
        return _get(self.rows, wanted)

    def page(
        self,
        after: UUID | None,
        limit: int,
    ) -> Sequence[<< cookiecutter.__class >>]:
        """Load up to `limit`, oldest first, that follow `after`."""
        keys = sorted(key for key in self.rows if after is None or key > after)
        return [deepcopy(self.rows[key]) for key in keys[:limit]]


class MemoryUnitOfWork:
    """Works on a copy, which `commit` puts in the place of what is stored."""

    repository: "MemoryRepository"
    idempotency: "MemoryIdempotency"

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def __enter__(self) -> Self:
        self._memory.lock.acquire()
        self.repository = MemoryRepository(dict(self._memory.rows))
        self.idempotency = MemoryIdempotency(dict(self._memory.idempotency))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._memory.lock.release()

    def commit(self) -> None:
        """Put the copy in place."""
        self._memory.rows = self.repository.rows
        self._memory.idempotency = self.idempotency.rows


@dataclass
class MemoryRepository:
    """Aggregates by id."""

    rows: dict[UUID, << cookiecutter.__class >>]

    def get(self, wanted: UUID) -> << cookiecutter.__class >>:
        """Load one to change it; raises NotFound."""
        return _get(self.rows, wanted)

    def add(self, new: << cookiecutter.__class >>) -> None:
        """Store a new one."""
        self.rows[new.id] = _stored(new)

    def save(self, changed: << cookiecutter.__class >>) -> None:
        """Store a changed or deleted one; raises VersionMismatch when another was faster."""
        if self.get(changed.id).version != changed.stored_version:
            raise VersionMismatch("It was changed at the same time.")
        if changed.deleted:
            del self.rows[changed.id]
        else:
            self.rows[changed.id] = _stored(changed)


@dataclass
class MemoryIdempotency:
    """Idempotency records by key."""

    rows: dict[str, IdempotencyRecord]

    def get(self, key: str) -> IdempotencyRecord | None:
        """Look up what was answered."""
        return self.rows.get(key)

    def add(self, record: IdempotencyRecord) -> None:
        """Remember an answer; raises KeyTaken when the key has one by now."""
        if record.key in self.rows:
            raise KeyTaken(record.key)
        result = _stored(record.result)
        self.rows[record.key] = IdempotencyRecord(record.key, record.fingerprint, result)


def _get(
    rows: dict[UUID, << cookiecutter.__class >>],
    wanted: UUID,
) -> << cookiecutter.__class >>:
    if wanted not in rows:
        raise NotFound("There is no << cookiecutter.__noun >> with this id.")
    return deepcopy(rows[wanted])


def _stored(
    given: << cookiecutter.__class >>,
) -> << cookiecutter.__class >>:
    copy = deepcopy(given)
    copy.recorded.clear()
    return copy
