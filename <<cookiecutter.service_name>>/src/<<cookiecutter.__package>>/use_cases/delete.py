"""Delete << cookiecutter.__a_noun >>."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from ..domain.errors import VersionMismatch
from ..domain.ports import UnitOfWork


@dataclass(frozen=True, slots=True)
class Delete<< cookiecutter.__class >>:
    """Deletes one; `accepts` returns whether the caller agrees to delete this version."""

    unit_of_work: Callable[[], UnitOfWork]

    def __call__(self, << cookiecutter.resource >>_id: UUID, accepts: Callable[[int], bool]) -> None:
        """Delete it.

        Raises:
            NotFound: there is none with this id.
            VersionMismatch: the caller does not accept its version.
        """
        with self.unit_of_work() as work:
            << cookiecutter.resource >> = work.<< cookiecutter.__plural >>.get(<< cookiecutter.resource >>_id)
            if not accepts(<< cookiecutter.resource >>.version):
                raise VersionMismatch(f"The current version is {<< cookiecutter.resource >>.version}.")
            << cookiecutter.resource >>.delete(datetime.now(UTC))
            work.<< cookiecutter.__plural >>.save(<< cookiecutter.resource >>)
            work.commit()
