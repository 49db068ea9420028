"""Settings from the environment: one frozen model per room, all problems reported at once."""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Kind = TypeVar("Kind", bound="RoomSettings")


class RoomSettings(BaseModel):
    """Base of a room's settings; each field names its environment variable as `alias`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = Field(
        default="development", alias="ENVIRONMENT"
    )


class SettingsError(Exception):
    """Settings are missing or wrong; `problems` has a line for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class Settings:
    """The settings of all rooms, by their class.

    Raises:
        SettingsError: lists every problem of every room.
    """

    def __init__(self, environ: Mapping[str, str], kinds: Iterable[type[RoomSettings]]) -> None:
        self._by_kind: dict[type[RoomSettings], RoomSettings] = {}
        problems: list[str] = []
        for kind in kinds:
            try:
                self._by_kind[kind] = kind.model_validate(environ)
            except ValidationError as error:
                problems += [_line(problem["loc"], problem["msg"]) for problem in error.errors()]
        if problems:
            raise SettingsError(problems)

    def __getitem__(self, kind: type[Kind]) -> Kind:
        """Give the settings of one room."""
        found = self._by_kind[kind]
        if not isinstance(found, kind):
            raise TypeError(f"{kind} holds settings of another kind.")
        return found


def _line(location: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, location))}: {message.removeprefix('Value error, ')}"
