"""Reference of all settings, generated from their models: an example file and a table."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from .settings import ExtensionSettings

Model = type[ExtensionSettings]


def env_example(models: Iterable[Model], defaults: Mapping[str, str]) -> str:
    """Return the lines of `.env.example`: every variable with its default, commented out."""
    blocks = []
    for model in models:
        lines = [f"# {name}={_value(field, defaults)}" for name, field in _variables(model)]
        if lines:
            blocks.append("\n".join([f"# {_title(model)}", *lines]))
    return "\n\n".join(blocks) + "\n"


def table(models: Iterable[Model], defaults: Mapping[str, str]) -> str:
    """Return a Markdown table of every variable; `defaults` are those of development."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for model in models:
        for name, field in _variables(model):
            value = _value(field, defaults)
            default = f"`{value}`" if value else ""
            if field.is_required() and name in defaults:
                default = f"**required**; in development {default}"
            lines.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def _variables(model: Model) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the variables that this model declares itself."""
    for name in vars(model).get("__annotations__", {}):
        field = model.model_fields.get(name)
        if field is not None and field.alias:
            yield field.alias, field


def _title(model: Model) -> str:
    return (model.__doc__ or "").partition("\n")[0]


def _value(field: FieldInfo, defaults: Mapping[str, str]) -> str:
    if field.alias and field.alias in defaults:
        return defaults[field.alias]
    default: Any = None if field.is_required() else field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
