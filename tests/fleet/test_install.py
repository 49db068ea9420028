"""The tool is installed from the repository, and works offline afterwards."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.rendering import TEMPLATE
from tests.support.stubs import stub

UV = shutil.which("uv") or str(TEMPLATE / ".uv/bin/uv")
CHASSIS = "<<cookiecutter.service_name>>/src/<<cookiecutter.__package>>/chassis"
PARTS = ("<<cookiecutter.service_name>>", "cookiecutter.json", "fleet", "pyproject.toml")


def git(folder: Path, *words: str) -> None:
    """Run git quietly."""
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the template as it is in the work tree."""
    folder = tmp_path_factory.mktemp("repository")
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__")
        if (TEMPLATE / part).is_dir():
            shutil.copytree(TEMPLATE / part, folder / part, ignore=ignored)
        else:
            shutil.copy(TEMPLATE / part, folder / part)
    (folder / CHASSIS / "trial").mkdir(parents=True, exist_ok=True)
    (folder / CHASSIS / "trial/__init__.py").write_text('"""Of the chassis."""\n')
    git(folder, "init", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "One version")
    return folder


def fleet(repository: Path, *arguments: str | Path) -> str:
    """Run the tool from the repository and return its output."""
    command = [UV, "tool", "run", "--from", f"git+file://{repository}", "fleet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_runs_from_the_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Usage: fleet" in fleet(repository, "--help")
    monkeypatch.setenv("UV_OFFLINE", "1")
    root = stub(tmp_path, "orders")
    done = json.loads(fleet(repository, "register", root, "--json"))
    assert done == {"name": "orders", "ports": {"http": 8001}, "notes": []}
    assert (tmp_path / "platform/gateway/run.sh").exists()

    lock = "# version: 0.0.1\n# parts:\n"
    (root / "chassis.lock").write_text(lock)
    fleet(repository, "upgrade", "--workspace", tmp_path)
    assert (root / "src/orders/chassis/trial/__init__.py").exists()
