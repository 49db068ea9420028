from uuid import UUID, uuid4

import pytest

from << cookiecutter.__package >>.bootstrap import in_memory
from << cookiecutter.__package >>.domain import errors
from << cookiecutter.__package >>.service import UseCases
from << cookiecutter.__package >>.service.create import Once


@pytest.fixture
def use_cases() -> UseCases:
    adapters = in_memory()
    return UseCases.on(adapters.unit_of_work, adapters.reader)


def names(use_cases: UseCases) -> list[str]:
    return [item.name for item in use_cases.list(after=None, limit=200).items]


def test_the_same_key_and_request_have_one_effect(use_cases: UseCases) -> None:
    once = Once("key", "fingerprint")

    first = use_cases.create(name="first", description=None, once=once)
    use_cases.change(first.id, {"name": "changed"}, lambda _: True)
    second = use_cases.create(name="first", description=None, once=once)

    assert second == first
    assert names(use_cases) == ["changed"]


def test_the_same_key_with_another_request_is_refused(use_cases: UseCases) -> None:
    use_cases.create(name="first", description=None, once=Once("key", "fingerprint"))

    with pytest.raises(errors.KeyReused):
        use_cases.create(name="second", description=None, once=Once("key", "other"))

    assert names(use_cases) == ["first"]


def test_a_change_of_a_version_that_the_caller_has_not_seen_is_refused(
    use_cases: UseCases,
) -> None:
    created = use_cases.create(name="first", description=None)

    with pytest.raises(errors.VersionMismatch, match="current version is 1"):
        use_cases.change(created.id, {"name": "second"}, lambda version: version == 2)
    with pytest.raises(errors.VersionMismatch):
        use_cases.delete(created.id, lambda version: version == 2)

    assert names(use_cases) == ["first"]


def test_what_is_deleted_is_gone(use_cases: UseCases) -> None:
    created = use_cases.create(name="first", description=None)

    use_cases.delete(created.id, lambda _: True)

    for again in (
        lambda: use_cases.get(created.id),
        lambda: use_cases.change(created.id, {}, lambda _: True),
        lambda: use_cases.delete(created.id, lambda _: True),
    ):
        with pytest.raises(errors.NotFound):
            again()


def test_what_never_was_is_not_found(use_cases: UseCases) -> None:
    with pytest.raises(errors.NotFound):
        use_cases.get(uuid4())


def test_pages_join_without_gap_or_repetition(use_cases: UseCases) -> None:
    expected = [use_cases.create(name=f"n{n}", description=None).id for n in range(7)]

    seen: list[UUID] = []
    after = None
    for _ in range(4):
        page = use_cases.list(after=after, limit=2)
        seen += [item.id for item in page.items]
        after = page.next_after

    assert seen == sorted(expected)
    assert after is None
