"""Everything in memory: for tests of the use cases, and to try them out without a database."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from threading import RLock
from types import TracebackType
from typing import Self
from uuid import UUID

from ..domain.errors import NotFound, ReceiptExists, VersionMismatch
from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import Receipt


@dataclass
class Memory:
    """What is stored. One unit of work at a time."""

    rows: dict[UUID, << cookiecutter.__class >>] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
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
    receipts: "MemoryReceipts"

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def __enter__(self) -> Self:
        self._memory.lock.acquire()
        self.repository = MemoryRepository(dict(self._memory.rows))
        self.receipts = MemoryReceipts(dict(self._memory.receipts))
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
        self._memory.receipts = self.receipts.rows


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
class MemoryReceipts:
    """Receipts by key."""

    rows: dict[str, Receipt]

    def get(self, key: str) -> Receipt | None:
        """Look up what was answered."""
        return self.rows.get(key)

    def add(self, receipt: Receipt) -> None:
        """Remember an answer; raises ReceiptExists when the key has one by now."""
        if receipt.key in self.rows:
            raise ReceiptExists(receipt.key)
        answer = _stored(receipt.answer)
        self.rows[receipt.key] = Receipt(receipt.key, receipt.fingerprint, answer)


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
