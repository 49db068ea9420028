"""List << cookiecutter.__nouns >> page by page, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import Reader


@dataclass(frozen=True, slots=True)
class << cookiecutter.__class >>Page:
    """A page, and the id after which the next one starts; None on the last page."""

    items: Sequence[<< cookiecutter.__class >>]
    next_after: UUID | None


@dataclass(frozen=True, slots=True)
class List<< cookiecutter.__classes >>:
    """Reads one page; concurrent inserts come last, so no page repeats or skips an item."""

    reader: Reader

    def __call__(self, *, after: UUID | None, limit: int) -> << cookiecutter.__class >>Page:
        """Return up to `limit` items that follow `after`."""
        # One more than requested shows whether another page follows.
        rows = self.reader.page(after, limit + 1)
        items = rows[:limit]
        return << cookiecutter.__class >>Page(items, items[-1].id if len(rows) > limit else None)
