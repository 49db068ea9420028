from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

import pytest

from << cookiecutter.__package >>.domain import errors, model
from << cookiecutter.__package >>.domain.identity import new_id

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)


def create(name: str = "first", description: str | None = None) -> model.<< cookiecutter.__class >>:
    return model.<< cookiecutter.__class >>.create(name=name, description=description, at=NOON)


def test_first_version_is_1() -> None:
    new = create()

    assert (new.version, new.stored_version) == (1, 0)
    assert new.created_at == new.updated_at == NOON


def test_change_applies_given_values_only() -> None:
    changed = create(description="old")

    changed.change(LATER, description=None)

    assert (changed.name, changed.description) == ("first", None)
    assert (changed.version, changed.created_at, changed.updated_at) == (2, NOON, LATER)


def test_equal_values_record_no_event() -> None:
    unchanged = create()

    unchanged.change(LATER, name="first")

    assert unchanged.version == 1
    assert len(unchanged.recorded) == 1


@pytest.mark.parametrize("name", ["", "x" * 121])
def test_name_has_1_to_120_characters(name: str) -> None:
    with pytest.raises(errors.InvalidValue, match="1 to 120"):
        create(name)
    with pytest.raises(errors.InvalidValue, match="1 to 120"):
        create().change(LATER, name=name)


def test_description_has_at_most_2000_characters() -> None:
    with pytest.raises(errors.InvalidValue, match="2000"):
        create(description="x" * 2001)


def test_replay_rebuilds_the_state() -> None:
    original = create()
    original.change(LATER, name="second")
    original.delete(LATER)

    rebuilt = model.<< cookiecutter.__class >>.replay(original.recorded)

    assert rebuilt == original
    assert rebuilt.deleted
    assert rebuilt.recorded == []


def test_history_starts_with_a_creation() -> None:
    original = create()
    original.change(LATER, name="second")

    with pytest.raises(errors.NotFound):
        model.<< cookiecutter.__class >>.replay(original.recorded[1:])


def test_ids_are_uuid7_in_order_of_creation() -> None:
    ids = [new_id() for _ in range(1000)]

    assert {(each.version, each.variant) for each in ids} == {(7, RFC_4122)}
    milliseconds = [each.int // 2**80 for each in ids]
    assert milliseconds == sorted(milliseconds)
