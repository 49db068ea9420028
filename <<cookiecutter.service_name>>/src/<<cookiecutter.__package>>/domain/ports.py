"""What the use cases need from outside, as protocols; the adapters implement them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self
from uuid import UUID

from .model import << cookiecutter.__class >>


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """An idempotency key, unique for its caller, and the fingerprint of its request."""

    value: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The result stored for an idempotency key, in the transaction of its effect."""

    key: IdempotencyKey
    result: << cookiecutter.__class >>


class Repository(Protocol):
    """Loads and stores aggregates inside a unit of work."""

    def get(self, << cookiecutter.resource >>_id: UUID) -> << cookiecutter.__class >>:
        """Return one to change it; raise NotFound."""

    def add(self, << cookiecutter.resource >>: << cookiecutter.__class >>) -> None:
        """Store a new one."""

    def save(self, << cookiecutter.resource >>: << cookiecutter.__class >>) -> None:
        """Store a changed or deleted one; raise VersionMismatch if another change was first."""


class IdempotencyRecords(Protocol):
    """The results of idempotency keys."""

    def get(self, key: str) -> IdempotencyRecord | None:
        """Return the record of a key, None for a new or expired key."""

    def add(self, record: IdempotencyRecord) -> None:
        """Store a record; raise KeyTaken if its key has one by now."""


class UnitOfWork(Protocol):
    """One transaction: `commit` stores all of it, leaving without commit nothing."""

    @property
    def << cookiecutter.__plural >>(self) -> Repository:
        """The aggregates."""

    @property
    def idempotency(self) -> IdempotencyRecords:
        """The results of idempotency keys."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def commit(self) -> None:
        """Make everything since `__enter__` durable."""


class Reader(Protocol):
    """Reads outside a transaction; never for a change."""

    def get(self, << cookiecutter.resource >>_id: UUID) -> << cookiecutter.__class >>:
        """Return one; raise NotFound."""

    def page(self, after: UUID | None, limit: int) -> Sequence[<< cookiecutter.__class >>]:
        """Return up to `limit` that follow `after`, oldest first."""
