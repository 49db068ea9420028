"""Values of the aggregate: their limits, and which of them a caller may change."""

from typing import NotRequired, TypedDict

from .errors import InvalidValue

NAME_MAX_LENGTH = 120
DESCRIPTION_MAX_LENGTH = 2_000


class Changes(TypedDict):
    """Values to change. An absent key leaves the value alone; None clears it."""

    name: NotRequired[str]
    description: NotRequired[str | None]


def check(name: str, description: str | None) -> None:
    """Raise InvalidValue if a value exceeds its limits (characters)."""
    if not 1 <= len(name) <= NAME_MAX_LENGTH:
        raise InvalidValue(f"The name has 1 to {NAME_MAX_LENGTH} characters.")
    if description is not None and len(description) > DESCRIPTION_MAX_LENGTH:
        raise InvalidValue(f"The description has at most {DESCRIPTION_MAX_LENGTH} characters.")
