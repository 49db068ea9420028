"""Difficult names keep the service's types, tests and OpenAPI document right."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.names import NAMES, label
from tests.support.verbs import make

# All names would take minutes; these test length, an irregular plural, and words of the code.
TRIED = ("a" * 40, "kafka-gateway", "r" * 24, "address", "event", "news")
FEW = [answers for answers in NAMES if label(answers) in TRIED]


@pytest.fixture(scope="module")
def tools(service: Path) -> Path:
    """The programs that every rendered service would install."""
    make(service, "token")
    return service / ".venv" / "bin"


def python(tools: Path, folder: Path, *arguments: str) -> str:
    """Run Python in a service without its own environment."""
    done = subprocess.run(
        [tools / "python", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "names", [FEW, pytest.param(NAMES, marks=pytest.mark.long)], ids=["few", "all"]
)
def test_types_check(
    names: list[dict[str, str]],
    rendered: Callable[..., Path],
    service: Path,
    tools: Path,
    tmp_path: Path,
) -> None:
    sources = tmp_path / "src"
    for number, answers in enumerate(names):
        [package] = (rendered(**answers, workspace="") / "src").iterdir()
        shutil.copytree(package, sources / f"under_{number}" / package.name)
        init = sources / f"under_{number}" / "__init__.py"
        init.write_text(f'"""The service called {label(answers)}."""\n')

    # One run for all packages, which reads the libraries once.
    settings = (service / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(
        re.sub(r"(?m)^files = .*$", 'files = ["src"]', settings)
    )
    python(tools, tmp_path, "-m", "mypy")


@pytest.mark.parametrize("answers", FEW, ids=label)
def test_unit_tests_pass_and_openapi_is_current(
    answers: dict[str, str], rendered: Callable[..., Path], tools: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(rendered(**answers, workspace=""), tmp_path / "service")
    [package] = (folder / "src").iterdir()
    described = (folder / "openapi.json").read_text()

    assert " passed in " in python(tools, folder, "-m", "pytest", "-p", "no:cacheprovider", "tests")
    said = python(
        tools,
        folder,
        *("-m", "flask", "--app", f"{package.name}.app", "openapi", "--indent", "2"),
    )
    assert said == described
