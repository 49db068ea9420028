"""Change << cookiecutter.__a_noun >> that the caller has seen in its current version."""

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
    """Changes; `accepts` tells whether the caller agrees to change this version."""

    unit_of_work: Callable[[], UnitOfWork]

    def __call__(
        self,
        wanted: UUID,
        changes: Changes,
        accepts: Callable[[int], bool],
    ) -> << cookiecutter.__class >>:
        """Take over `changes` and give the new state.

        Raises:
            InvalidValue: a value breaks a rule.
            NotFound: there is none with this id.
            VersionMismatch: it is not in a version the caller accepts.
        """
        with self.unit_of_work() as work:
            found = work.repository.get(wanted)
            if not accepts(found.version):
                raise VersionMismatch(f"The current version is {found.version}.")
            found.change(datetime.now(UTC), **changes)
            if found.recorded:
                work.repository.save(found)
                work.commit()
            return found
