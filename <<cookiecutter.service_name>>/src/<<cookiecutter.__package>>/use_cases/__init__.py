"""The use cases, one verb each; they depend on the domain only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from ..domain.ports import Reader, UnitOfWork
from .change import Change<< cookiecutter.__class >>
from .create import Create<< cookiecutter.__class >>
from .delete import Delete<< cookiecutter.__class >>
from .get import Get<< cookiecutter.__class >>
from .list import List<< cookiecutter.__classes >>


@dataclass(frozen=True, slots=True)
class UseCases:
    """All use cases of the service."""

    change: Change<< cookiecutter.__class >>
    create: Create<< cookiecutter.__class >>
    delete: Delete<< cookiecutter.__class >>
    get: Get<< cookiecutter.__class >>
    list: List<< cookiecutter.__classes >>

    @classmethod
    def on(cls, unit_of_work: Callable[[], UnitOfWork], reader: Reader) -> Self:
        """Return the use cases on these ports."""
        return cls(
            change=Change<< cookiecutter.__class >>(unit_of_work),
            create=Create<< cookiecutter.__class >>(unit_of_work),
            delete=Delete<< cookiecutter.__class >>(unit_of_work),
            get=Get<< cookiecutter.__class >>(reader),
            list=List<< cookiecutter.__classes >>(reader),
        )
