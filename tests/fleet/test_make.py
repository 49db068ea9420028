"""Make targets of a rendered service that use the fleet tool or its derived files."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.rendering import TEMPLATE, render
from tests.support.stubs import contents
from tests.support.verbs import environment

UV = Path(shutil.which("uv") or TEMPLATE / ".uv/bin/uv")


def with_uv() -> dict[str, str]:
    """Return the environment of a developer who has installed uv."""
    return {**environment(), "PATH": f"{UV.parent}:{os.environ['PATH']}"}


def make(service: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a service and return the process."""
    command = ["make", "--silent", *arguments]
    return subprocess.run(command, cwd=service, env=with_uv(), capture_output=True, text=True)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two registered services."""
    folder = tmp_path_factory.mktemp("work space")
    for name in ("orders", "stock"):
        render(folder, service_name=name, database="sqlite")
    return folder


def test_registers_and_unregisters_with_the_workspaces_copy(workspace: Path) -> None:
    both = contents(workspace)
    done = make(workspace / "stock", "unregister")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"stock is not registered in {workspace}\n"
    assert b"stock" not in contents(workspace)["services.yaml"]
    done = make(workspace / "stock", "register")
    assert (done.returncode, done.stdout) == (0, f"stock is registered in {workspace}: http 8002\n")
    assert contents(workspace) == both


def test_a_missing_copy_is_reported_with_the_remedy(tmp_path: Path) -> None:
    service = render(tmp_path, workspace="")
    done = make(service, "register", "WORKSPACE=..")
    assert done.returncode == 2
    assert done.stderr.startswith("../platform/fleet.pyz is missing. ")
    assert "uvx --from TEMPLATE fleet register . --workspace .." in done.stderr
    assert contents(tmp_path) == {}


def run_line(service: Path, *arguments: str) -> str:
    """Return the command with which `make run` starts a service."""
    done = make(service, "--dry-run", "run", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_runs_with_the_derived_variables_if_it_is_registered(workspace: Path) -> None:
    line = run_line(workspace / "stock")
    assert ' --env-file "../platform/env/stock.env" python -m stock' in line
    assert "--env-file" not in run_line(workspace / "stock", "WORKSPACE=")
    assert "--env-file" not in run_line(workspace / "stock", "WORKSPACE=../..")


def test_a_variable_that_is_set_wins(workspace: Path) -> None:
    command = ["uv", "run", "--no-project", "--env-file", "../platform/env/stock.env", "python"]
    code = "import os; print(os.environ['PORT'])"
    without = {name: value for name, value in with_uv().items() if name != "PORT"}
    for given, expected in ((without, "8002"), (without | {"PORT": "9000"}, "9000")):
        done = subprocess.run(
            [*command, "-c", code],
            cwd=workspace / "stock",
            env=given,
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == expected, done.stderr
