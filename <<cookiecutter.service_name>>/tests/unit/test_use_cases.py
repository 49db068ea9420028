import pytest

from << cookiecutter.__package >>.bootstrap import Adapters
from << cookiecutter.__package >>.domain import errors
from << cookiecutter.__package >>.domain.ports import IdempotencyKey
from << cookiecutter.__package >>.use_cases import UseCases


@pytest.fixture
def use_cases(adapters: Adapters) -> UseCases:
    return UseCases.on(adapters.unit_of_work, adapters.reader)


def names(use_cases: UseCases) -> list[str]:
    return [item.name for item in use_cases.list(after=None, limit=200).items]


def test_same_key_and_request_have_one_effect(use_cases: UseCases) -> None:
    key = IdempotencyKey("key", "fingerprint")

    first = use_cases.create(name="first", description=None, idempotency_key=key)
    use_cases.change(first.id, {"name": "changed"}, lambda _: True)
    second = use_cases.create(name="first", description=None, idempotency_key=key)

    assert second == first
    assert names(use_cases) == ["changed"]


def test_change_of_an_unread_version_is_rejected(use_cases: UseCases) -> None:
    created = use_cases.create(name="first", description=None)

    with pytest.raises(errors.VersionMismatch, match="current version is 1"):
        use_cases.change(created.id, {"name": "second"}, lambda version: version == 2)
    with pytest.raises(errors.VersionMismatch):
        use_cases.delete(created.id, lambda version: version == 2)

    assert names(use_cases) == ["first"]
