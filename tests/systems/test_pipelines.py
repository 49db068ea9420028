"""The pipelines of a rendered service, checked with the strictest tools."""

import subprocess
from itertools import product
from pathlib import Path

import pytest

from tests.support.rendering import CHOICES, render

COMBINATIONS = list(product(CHOICES["deploy"], CHOICES["database"]))


@pytest.mark.parametrize(("deploy", "database"), COMBINATIONS)
def test_workflows_are_clean(
    deploy: str, database: str, actionlint: Path, shellcheck: Path, tmp_path: Path
) -> None:
    """In a repository of many services, and in that of a single one."""
    (tmp_path / ".git").mkdir()
    service = render(tmp_path / "services", deploy=deploy, database=database)

    for folder in (tmp_path, service):
        (folder / ".git").mkdir(exist_ok=True)
        workflows = sorted((folder / ".github" / "workflows").glob("*.yml"))
        assert workflows
        check(actionlint, f"-shellcheck={shellcheck}", *workflows, cwd=folder)


@pytest.mark.parametrize("rollout", CHOICES["rollout"])
def test_scripts_for_a_cluster_are_clean(rollout: str, shellcheck: Path, tmp_path: Path) -> None:
    service = render(tmp_path, workspace="", rollout=rollout)

    check(shellcheck, *sorted((service / "deploy").rglob("*.sh")), cwd=service)


def test_scripts_for_a_swarm_are_clean(shellcheck: Path, tmp_path: Path) -> None:
    service = render(tmp_path, workspace="", deploy="swarm")

    check(shellcheck, *sorted((service / "deploy").rglob("*.sh")), cwd=service)


def check(tool: Path, *arguments: str | Path, cwd: Path) -> None:
    """Run a tool that prints its findings."""
    done = subprocess.run([tool, *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
