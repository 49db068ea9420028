"""The aggregate: its state and its rules."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self, Unpack
from uuid import UUID

from . import events
from .errors import NotFound
from .identity import new_id
from .values import Changes, check


@dataclass(slots=True, kw_only=True)
class << cookiecutter.__class >>:
    """The aggregate. Every change is an event; `recorded` holds the events not yet stored."""

    id: UUID
    version: int
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    deleted: bool = False
    recorded: list[events.DomainEvent] = field(default_factory=list, compare=False)

    @classmethod
    def create(cls, name: str, description: str | None, at: datetime) -> Self:
        """Return a new << cookiecutter.__noun >>.

        Raises:
            InvalidValue: a value breaks a rule.
        """
        check(name, description)
        event = events.<< cookiecutter.__class >>Created(
            aggregate_id=new_id(),
            version=1,
            occurred_at=at,
            name=name,
            description=description,
        )
        created = cls._from_first(event)
        created.recorded.append(event)
        return created

    @classmethod
    def replay(cls, history: Iterable[events.DomainEvent]) -> Self:
        """Return the state after a sequence of events, oldest first.

        Raises:
            NotFound: the sequence does not start with a creation.
        """
        remaining = iter(history)
        match next(remaining, None):
            case events.<< cookiecutter.__class >>Created() as first:
                replayed = cls._from_first(first)
            case _:
                raise NotFound("The history does not start with a creation.")
        for event in remaining:
            replayed._apply(event)
        return replayed

    def change(self, at: datetime, **changes: Unpack[Changes]) -> None:
        """Apply new values; equal values record no event.

        Raises:
            InvalidValue: a value breaks a rule.
        """
        name = changes.get("name", self.name)
        description = changes.get("description", self.description)
        if (name, description) == (self.name, self.description):
            return
        check(name, description)
        self._record(
            events.<< cookiecutter.__class >>Changed(
                aggregate_id=self.id,
                version=self.version + 1,
                occurred_at=at,
                name=name,
                description=description,
            )
        )

    def delete(self, at: datetime) -> None:
        """Delete it."""
        self._record(
            events.<< cookiecutter.__class >>Deleted(
                aggregate_id=self.id,
                version=self.version + 1,
                occurred_at=at,
            )
        )

    @property
    def stored_version(self) -> int:
        """The version in storage, without the events recorded since."""
        return self.version - len(self.recorded)

    def _record(self, event: events.DomainEvent) -> None:
        self._apply(event)
        self.recorded.append(event)

    def _apply(self, event: events.DomainEvent) -> None:
        match event:
            case events.<< cookiecutter.__class >>Changed() as changed:
                self.name, self.description = changed.name, changed.description
            case events.<< cookiecutter.__class >>Deleted():
                self.deleted = True
        self.version = event.version
        self.updated_at = event.occurred_at

    @classmethod
    def _from_first(cls, event: events.<< cookiecutter.__class >>Created) -> Self:
        return cls(
            id=event.aggregate_id,
            version=event.version,
            name=event.name,
            description=event.description,
            created_at=event.occurred_at,
            updated_at=event.occurred_at,
        )
