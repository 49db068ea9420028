import pytest

from << cookiecutter.__package >>.bootstrap import Adapters
from << cookiecutter.__package >>.domain import errors
from << cookiecutter.__package >>.use_cases import UseCases


@pytest.fixture
def use_cases(adapters: Adapters) -> UseCases:
    return UseCases.on(adapters.unit_of_work, adapters.reader)


def test_change_of_an_unread_version_is_rejected(use_cases: UseCases) -> None:
    created = use_cases.create(name="first", description=None)

    with pytest.raises(errors.VersionMismatch, match="current version is 1"):
        use_cases.change(created.id, {"name": "second"}, lambda version: version == 2)
    with pytest.raises(errors.VersionMismatch):
        use_cases.delete(created.id, lambda version: version == 2)

    assert use_cases.get(created.id) == created
