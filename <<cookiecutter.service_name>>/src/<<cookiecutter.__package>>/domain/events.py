"""What happened, in the past tense. An event never changes once it is recorded."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """What all events say: whom it happened to, which version it led to, and when (UTC)."""

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
    """Carries the state after the change, so that a reader needs no other event."""

    name: str
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class << cookiecutter.__class >>Deleted(DomainEvent):
    """The last event; nothing can follow it."""
