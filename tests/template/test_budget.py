"""The budget of conditions and loops in the template, counted and printed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.environment import StrictEnvironment
from jinja2.nodes import CondExpr, For, If

from tests.support.rendering import MANIFEST, SERVICE, TEMPLATE, files

MOST = 45


def test_conditions_and_loops_stay_few(record_property: Callable[[str, object], None]) -> None:
    counted = {name: count for name, source in sources() if (count := conditions(source))}
    total = sum(counted.values())

    lines = [f"{counted[name]:4} {name}" for name in sorted(counted, key=lambda it: -counted[it])]
    figure = f"{total} conditions and loops in the template, of at most {MOST}"
    record_property("figure", "\n".join([figure, *lines]))
    assert total <= MOST, lines


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("<% if a %>x<% elif b %>y<% else %>z<% endif %>", 2),
        ("<% for a in b %><< a >><% endfor %>", 1),
        ("<< a if b else c >> << d >>", 1),
        ("{{- if .Values }}{{ end }}", 0),
    ],
)
def test_counts_every_branch_and_loop(source: str, count: int) -> None:
    assert conditions(source) == count


def conditions(source: str) -> int:
    """Return the number of conditions and loops in a Jinja source; each `elif` counts."""
    jinja = StrictEnvironment(context={}, **MANIFEST["_jinja2_env_vars"])
    return len(list(jinja.parse(source).find_all((If, For, CondExpr))))


def sources() -> Iterator[tuple[str, str]]:
    """Yield every Jinja source: files of the service, hooks, values of cookiecutter.json."""
    for path in (*files(SERVICE), *sorted((TEMPLATE / "hooks").glob("*.py"))):
        yield short(path), path.read_text("utf-8")
    manifest = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))
    for name, value in manifest.items():
        if name != "_jinja2_env_vars":
            yield f"cookiecutter.json, {name}", "\n".join(texts(value))


def short(path: Path) -> str:
    """Return the path of a file in the template, without the folder of the service."""
    return path.relative_to(SERVICE if path.is_relative_to(SERVICE) else TEMPLATE).as_posix()


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a value of the manifest."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)
