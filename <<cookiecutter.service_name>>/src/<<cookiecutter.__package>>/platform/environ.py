"""Settings from the environment: one frozen model per room, all problems reported at once."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Kind = TypeVar("Kind", bound="RoomSettings")


class RoomSettings(BaseModel):
    """Base of a room's settings; each field names its environment variable as `alias`."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

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

    A secret may come as a file: `<NAME>_FILE` names it in place of `<NAME>`.

    Raises:
        SettingsError: lists every problem of every room.
    """

    def __init__(
        self,
        defaults: Mapping[str, str],
        given: Mapping[str, str],
        kinds: Iterable[type[RoomSettings]],
    ) -> None:
        kinds = tuple(kinds)
        self._by_kind: dict[type[RoomSettings], RoomSettings] = {}
        in_files, problems = _from_files(given, kinds)
        values = {**defaults, **given, **in_files}
        for kind in kinds:
            try:
                self._by_kind[kind] = kind.model_validate(values)
            except ValidationError as error:
                problems += [_line(kind, each["loc"], each["msg"]) for each in error.errors()]
        if problems:
            raise SettingsError(problems)

    def __getitem__(self, kind: type[Kind]) -> Kind:
        """Give the settings of one room."""
        found = self._by_kind[kind]
        if not isinstance(found, kind):
            raise TypeError(f"{kind} holds settings of another kind.")
        return found


def _from_files(
    given: Mapping[str, str], kinds: Iterable[type[RoomSettings]]
) -> tuple[dict[str, str], list[str]]:
    """Read what `<NAME>_FILE` names for the variables of these rooms; say what is wrong."""
    names = {field.alias for kind in kinds for field in kind.model_fields.values() if field.alias}
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in sorted(names):
        file = f"{name}_FILE"
        if file in given and name in given:
            problems.append(f"{file}: {name} is given too; leave one of them out")
        elif file in given:
            try:
                values[name] = Path(given[file]).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{file}: can't be read: {error}")
    return values, problems


def _line(kind: type[RoomSettings], location: tuple[int | str, ...], message: str) -> str:
    # A default that is refused is told by the name of its field, not of its variable.
    fields = {name: field.alias or name for name, field in kind.model_fields.items()}
    path = ".".join(fields.get(str(part), str(part)) for part in location)
    text = message.removeprefix("Value error, ")
    return f"{path}: {text}" if path else text
