"""Provider states for the contracts of consumers."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from << cookiecutter.__package >>.bootstrap import Adapters
from << cookiecutter.__package >>.domain import events, model


def one_exists(adapters: Adapters, id: str) -> None:  # noqa: A002 (a parameter in contracts)
    """Store << cookiecutter.__a_noun >> with this id."""
    event = events.<< cookiecutter.__class >>Created(
        aggregate_id=UUID(id),
        version=1,
        occurred_at=datetime.now(UTC),
        name="First",
        description=None,
    )
    created = model.<< cookiecutter.__class >>.replay([event])
    created.recorded.append(event)
    with adapters.unit_of_work() as work:
        work.<< cookiecutter.__plural >>.add(created)
        work.commit()


def none_exists(adapters: Adapters, id: str) -> None:  # noqa: A002 (as above)
    """Do nothing: each interaction starts empty."""


STATES: dict[str, Callable[..., None]] = {
    "one of the << cookiecutter.__nouns >> has this id": one_exists,
    "none of the << cookiecutter.__nouns >> has this id": none_exists,
}
