"""`make lint` of a service names every import that breaks a rule."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LAYERS = "Dependencies point inwards"
STANDARD_LIBRARY = "Domain and use cases use the standard library only"
PUBLIC_FACE = "Service code uses the public face of a chassis package"

# A file, a forbidden line, the rule that it breaks, and the import as reported.
VIOLATIONS = [
    ("domain/values.py", "import flask", STANDARD_LIBRARY, "orders.domain.values imports flask"),
    (
        "domain/model.py",
        "import pydantic",
        STANDARD_LIBRARY,
        "orders.domain.model imports pydantic",
    ),
    ("use_cases/get.py", "from ..chassis import context", STANDARD_LIBRARY, "orders.chassis"),
    ("domain/values.py", "from ..use_cases import get", LAYERS, "orders.domain.values"),
    ("use_cases/get.py", "from ..adapters import database", LAYERS, "orders.use_cases.get"),
    ("api/rest.py", "from ..adapters import events", LAYERS, "orders.api.rest"),
    ("adapters/events.py", "from ..api import policy", LAYERS, "orders.adapters.events"),
    ("bootstrap.py", "from . import app", LAYERS, "orders.bootstrap"),
    ("chassis/context.py", "from ..domain import model", LAYERS, "orders.chassis.context"),
    ("helpers.py", "import json", LAYERS, "helpers"),
    ("api/rest.py", "from ..chassis.auth.keys import KeySet", PUBLIC_FACE, "orders.api.rest"),
    ("adapters/events.py", "from ..chassis.database import engine", PUBLIC_FACE, "orders.adapters"),
]


@pytest.fixture(scope="module")
def copy(service: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the service's source, for violations."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(service / "src", folder / "src", dirs_exist_ok=True)
    shutil.copy(service / "pyproject.toml", folder)
    return folder


def lint(service: Path, folder: Path) -> tuple[int, str]:
    """Run the service's import-linter on a folder; return exit status and output."""
    done = subprocess.run(
        [service / ".venv/bin/lint-imports", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_unchanged_source_passes(service: Path, copy: Path) -> None:
    assert lint(service, copy)[0] == 0


@pytest.mark.parametrize(("name", "line", "rule", "reported"), VIOLATIONS)
def test_violation_is_named(
    service: Path, copy: Path, name: str, line: str, rule: str, reported: str
) -> None:
    file = copy / "src/orders" / name
    before = file.read_text() if file.exists() else None
    file.write_text(f"{before or ''}\n{line}\n")
    try:
        status, output = lint(service, copy)
    finally:
        file.write_text(before) if before is not None else file.unlink()

    assert status == 1
    assert f"{rule} BROKEN" in output
    assert reported in output
