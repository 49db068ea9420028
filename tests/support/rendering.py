"""Render the template in process, for every test that needs a service."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).resolve().parents[2]
SERVICE = TEMPLATE / "<<cookiecutter.service_name>>"

MANIFEST: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))
QUESTIONS = [name for name in MANIFEST if not name.startswith("_")]
CHOICES: dict[str, list[str]] = {
    name: list(MANIFEST[name]) for name in QUESTIONS if isinstance(MANIFEST[name], list)
}
ROOMS: dict[str, Any] = MANIFEST["_rooms"]


def render(output_dir: Path, **answers: str) -> Path:
    """Render a service into `output_dir` with these answers and defaults, and return its folder.

    Both hooks run, so the service is registered in `output_dir` unless `workspace=""`.
    """
    return Path(
        cookiecutter(
            str(TEMPLATE),
            no_input=True,
            default_config=True,
            overwrite_if_exists=True,
            extra_context=answers,
            output_dir=str(output_dir),
        )
    )


def choices(**given: str) -> dict[str, str]:
    """Return an answer for each question with choices: the given one, or the default."""
    return {name: given.get(name, options[0]) for name, options in CHOICES.items()}


def unchosen(**given: str) -> list[str]:
    """Return the rooms that a service rendered with these answers does not have."""
    answers = {**choices(**given), "depends_on": given.get("depends_on", "")}
    return [
        room
        for room in ROOMS
        if not any(
            all(
                answers[name] in wanted or (wanted == ["*"] and answers[name])
                for name, wanted in each
            )
            for each in needs(room)
        )
    ]


def needs(room: str) -> list[list[tuple[str, list[str]]]]:
    """Return the sets of answers, each of which keeps a room, as questions and options."""
    alternatives = ROOMS[room] if isinstance(ROOMS[room], list) else [ROOMS[room]]
    return [
        [(name, [wanted] if isinstance(wanted, str) else wanted) for name, wanted in each.items()]
        for each in alternatives
    ]


def files(folder: Path) -> Iterator[Path]:
    """Yield every file below a rendered folder, in a stable order."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(root, name) for name in sorted(names))


def load(path: Path) -> ModuleType:
    """Return a hook or script as a module, without writing bytecode."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text("utf-8"), path, "exec"), module.__dict__)
    return module
