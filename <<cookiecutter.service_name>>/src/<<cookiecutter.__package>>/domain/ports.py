"""What the use cases need from outside, as protocols. The adapters fulfil them."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from .model import << cookiecutter.__class >>


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What was answered to an idempotency key; stored in one transaction with the effect."""

    key: str
    fingerprint: str
    result: << cookiecutter.__class >>


class Repository(Protocol):
    """Loads and stores aggregates inside a unit of work."""

    def get(self, wanted: UUID) -> << cookiecutter.__class >>:
        """Load one to change it; raises NotFound."""
        ...

    def add(self, new: << cookiecutter.__class >>) -> None:
        """Store a new one."""
        ...

    def save(self, changed: << cookiecutter.__class >>) -> None:
        """Store a changed or deleted one; raises VersionMismatch when another was faster."""
        ...


class IdempotencyRecords(Protocol):
    """Remembers what was answered to which idempotency key."""

    def get(self, key: str) -> IdempotencyRecord | None:
        """Look up what was answered; None for a key that is new or has expired."""
        ...

    def add(self, record: IdempotencyRecord) -> None:
        """Remember an answer; raises KeyTaken when the key has one by now."""
        ...


class UnitOfWork(Protocol):
    """One transaction: all of it happens at `commit`, or nothing."""

    @property
    def repository(self) -> Repository:
        """The aggregates."""
        ...

    @property
    def idempotency(self) -> IdempotencyRecords:
        """What was answered to which idempotency key."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def commit(self) -> None:
        """Make everything since `__enter__` durable; without it, leaving undoes it."""
        ...


class Reader(Protocol):
    """Reads without a transaction; never for a change."""

    def get(self, wanted: UUID) -> << cookiecutter.__class >>:
        """Load one; raises NotFound."""
        ...

    def page(
        self,
        after: UUID | None,
        limit: int,
    ) -> Sequence[<< cookiecutter.__class >>]:
        """Load up to `limit`, oldest first, that follow `after`."""
        ...
