"""Delete << cookiecutter.__a_noun >>."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from ..domain.errors import VersionMismatch
from ..domain.ports import UnitOfWork


@dataclass(frozen=True, slots=True)
class Delete<< cookiecutter.__class >>:
    """Deletes; `accepts` tells whether the caller agrees to delete this version."""

    unit_of_work: Callable[[], UnitOfWork]

    def __call__(self, wanted: UUID, accepts: Callable[[int], bool]) -> None:
        """Delete it.

        Raises:
            NotFound: there is none with this id.
            VersionMismatch: it is not in a version the caller accepts.
        """
        with self.unit_of_work() as work:
            found = work.repository.get(wanted)
            if not accepts(found.version):
                raise VersionMismatch(f"The current version is {found.version}.")
            found.delete(datetime.now(UTC))
            work.repository.save(found)
            work.commit()
