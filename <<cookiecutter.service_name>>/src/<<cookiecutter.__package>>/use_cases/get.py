"""Get one << cookiecutter.__noun >> by its id."""

from dataclasses import dataclass
from uuid import UUID

from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import Reader


@dataclass(frozen=True, slots=True)
class Get<< cookiecutter.__class >>:
    """Reads one."""

    reader: Reader

    def __call__(self, << cookiecutter.resource >>_id: UUID) -> << cookiecutter.__class >>:
        """Return its current state.

        Raises:
            NotFound: there is none with this id.
        """
        return self.reader.get(<< cookiecutter.resource >>_id)
