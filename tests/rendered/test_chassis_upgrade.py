"""A fix in the chassis reaches every service of a workspace by one command of the documentation."""

from pathlib import Path

import pytest

from tests.support.rendering import CHOICES, TEMPLATE, render
from tests.support.template_repository import (
    console_blocks,
    copy_work_tree,
    new_repository,
    path_with_uvx,
    replace,
    run,
    shell,
)

SERVICES = 20
CHASSIS = "<<cookiecutter.service_name>>/src/<<cookiecutter.__package>>/chassis"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Registered services with different answers, each in a repository of its own."""
    folder = tmp_path_factory.mktemp("workspace")
    for number in range(SERVICES):
        answers = {
            name: CHOICES[name][number % len(CHOICES[name])]
            for name in ("ci", "database", "discovery", "mesh")
        }
        peers = "inventory,payments" if number % 2 else ""
        service = render(folder, service_name=f"service-{number}", depends_on=peers, **answers)
        new_repository(service, "Made by the template")
    return folder


@pytest.fixture(scope="module")
def fixed_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template with another line in its chassis."""
    folder = tmp_path_factory.mktemp("template")
    copy_work_tree(folder)
    replace(folder / CHASSIS / "context.py", "import time\n", "import time  # Fixed.\n")
    return folder


def test_fix_changes_the_file_and_the_lock_of_every_service(
    workspace: Path, fixed_template: Path, tmp_path: Path
) -> None:
    page = (TEMPLATE / "docs/upgrading.md").read_text("utf-8")
    (command,) = (block for block in console_blocks(page) if block.endswith(" fleet upgrade\n"))

    shell(command, workspace, path_with_uvx(tmp_path / "programs", fixed_template))

    services = sorted(folder.parent for folder in workspace.glob("*/.git"))
    assert len(services) == SERVICES
    for service in services:
        file = f"src/{service.name.replace('-', '_')}/chassis/context.py"
        status = run("git", "status", "--short", cwd=service)
        assert status.splitlines() == [" M chassis.lock", f" M {file}"]
        lines = run("git", "diff", "--numstat", cwd=service)
        assert lines.splitlines() == ["1\t1\tchassis.lock", f"1\t1\t{file}"]
        run("sha256sum", "--check", "--quiet", "chassis.lock", cwd=service)
