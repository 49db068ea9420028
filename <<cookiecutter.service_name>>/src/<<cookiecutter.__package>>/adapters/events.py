"""Where domain events go, in the transaction of the change that they record."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection

from ..domain.events import DomainEvent


class EventRecorder(Protocol):
    """Stores domain events; they are committed or rolled back with the change."""

    def record(self, connection: Connection, events: Sequence[DomainEvent]) -> None:
        """Store events of one aggregate, oldest first."""


class NoEventRecorder:
    """Discards events: the tables hold the current state only."""

    def record(self, connection: Connection, events: Sequence[DomainEvent]) -> None:
        """Do nothing."""
