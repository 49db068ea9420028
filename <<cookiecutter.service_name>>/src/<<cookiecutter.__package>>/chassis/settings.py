"""Settings from the environment: one frozen model per extension, all problems reported at once."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Model = TypeVar("Model", bound="ExtensionSettings")


class ExtensionSettings(BaseModel):
    """Where the process runs.

    Base of every extension's settings; each field names its environment variable as `alias`.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    environment: Literal["development", "production"] = Field(default="development", alias="ENVIRONMENT")
    """`development` or `production`."""


class SettingsError(Exception):
    """Settings are missing or wrong; `problems` has a line for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class Settings:
    """The settings of all extensions, by their class.

    A secret may come as a file: `<NAME>_FILE` names it in place of `<NAME>`.

    Raises:
        SettingsError: lists every problem of every extension.
    """

    def __init__(
        self,
        defaults: Mapping[str, str],
        environ: Mapping[str, str],
        models: Iterable[type[ExtensionSettings]],
    ) -> None:
        models = tuple(models)
        self._by_model: dict[type[ExtensionSettings], ExtensionSettings] = {}
        from_files, problems = _read_files(environ, models)
        values = {**defaults, **environ, **from_files}
        for model in models:
            try:
                self._by_model[model] = model.model_validate(values)
            except ValidationError as error:
                problems += [_line(model, each["loc"], each["msg"]) for each in error.errors()]
        if problems:
            raise SettingsError(problems)

    def __getitem__(self, model: type[Model]) -> Model:
        """Return the settings of one extension."""
        return cast(Model, self._by_model[model])


def _read_files(
    environ: Mapping[str, str], models: Iterable[type[ExtensionSettings]]
) -> tuple[dict[str, str], list[str]]:
    """Read the files that `<NAME>_FILE` variables name; return values and problems."""
    names = {field.alias for model in models for field in model.model_fields.values()}
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in sorted(filter(None, names)):
        file = f"{name}_FILE"
        if file in environ and name in environ:
            problems.append(f"{file}: {name} is set too; remove one of them")
        elif file in environ:
            try:
                values[name] = Path(environ[file]).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{file}: cannot be read: {error}")
    return values, problems


def _line(model: type[ExtensionSettings], location: tuple[int | str, ...], message: str) -> str:
    # Pydantic reports a rejected default under the name of its field, not of its variable.
    fields = {name: field.alias or name for name, field in model.model_fields.items()}
    path = ".".join(fields.get(str(part), str(part)) for part in location)
    text = message.removeprefix("Value error, ")
    return f"{path}: {text}" if path else text
