"""Domain events, in the past tense; immutable once recorded."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """Base of all events: the aggregate, the version the event led to, and its time (UTC)."""

    aggregate_id: UUID
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class << cookiecutter.__class >>Created(DomainEvent):
    """The first event of every << cookiecutter.__noun >>."""

    name: str
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class << cookiecutter.__class >>Changed(DomainEvent):
    """Carries the whole state after the change, so that a consumer needs no other event."""

    name: str
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class << cookiecutter.__class >>Deleted(DomainEvent):
    """The last event of an aggregate."""
