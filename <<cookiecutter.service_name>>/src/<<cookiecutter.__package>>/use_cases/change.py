"""Change << cookiecutter.__a_noun >> that the caller has read in its current version."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from ..domain.errors import VersionMismatch
from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import UnitOfWork
from ..domain.values import Changes


@dataclass(frozen=True, slots=True)
class Change<< cookiecutter.__class >>:
    """Changes one; `accepts` returns whether the caller agrees to change this version."""

    unit_of_work: Callable[[], UnitOfWork]

    def __call__(
        self,
        << cookiecutter.resource >>_id: UUID,
        changes: Changes,
        accepts: Callable[[int], bool],
    ) -> << cookiecutter.__class >>:
        """Apply `changes` and return the new state.

        Raises:
            InvalidValue: a value breaks a rule.
            NotFound: there is none with this id.
            VersionMismatch: the caller does not accept its version.
        """
        with self.unit_of_work() as work:
            << cookiecutter.resource >> = work.<< cookiecutter.__plural >>.get(<< cookiecutter.resource >>_id)
            if not accepts(<< cookiecutter.resource >>.version):
                raise VersionMismatch(f"The current version is {<< cookiecutter.resource >>.version}.")
            << cookiecutter.resource >>.change(datetime.now(UTC), **changes)
            if << cookiecutter.resource >>.recorded:
                work.<< cookiecutter.__plural >>.save(<< cookiecutter.resource >>)
                work.commit()
            return << cookiecutter.resource >>
