"""List << cookiecutter.__nouns >> page by page, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import Reader


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and the id to continue after; None on the last page."""

    items: Sequence[<< cookiecutter.__class >>]
    next_after: UUID | None


@dataclass(frozen=True, slots=True)
class List<< cookiecutter.__classes >>:
    """Reads a page; those added meanwhile come last, so that no page repeats or skips one."""

    reader: Reader

    def __call__(self, *, after: UUID | None, limit: int) -> Page:
        """Give up to `limit` that follow `after`."""
        # One more than asked for tells whether another page follows.
        found = self.reader.page(after, limit + 1)
        items = found[:limit]
        return Page(items, items[-1].id if len(found) > limit else None)
