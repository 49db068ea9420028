"""A service follows the template: cruft creates it, reports updates and applies them."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.template_repository import CRUFT, commit, copy_work_tree, new_repository, run
from tests.support.template_repository import replace as edit


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template as it is in the work tree, in a separate repository."""
    repository = tmp_path / "template"
    copy_work_tree(repository)
    new_repository(repository, "One version")
    return repository


@pytest.fixture
def service(template: Path) -> Path:
    """A service created by cruft, committed, and registered in the workspace around it."""
    workspace = template.parent / "workspace"
    workspace.mkdir()
    run(CRUFT, "create", template, "--no-input", "--output-dir", workspace, cwd=template.parent)
    new_repository(workspace / "orders", "Made by the template")
    return workspace / "orders"


def test_update_keeps_edited_files(template: Path, service: Path) -> None:
    run(CRUFT, "check", cwd=service)
    shared = contents(service.parent)

    edit(service / "src/orders/domain/model.py", "\n", "\n# Ours: prices come first.\n")
    commit(service, "A rule of the business")
    sources = template / "<<cookiecutter.service_name>>"
    edit(sources / "docs/runbook.md.d/10-look.md", "# ", "# Newer: ")
    edit(sources / "src/<<cookiecutter.__package>>/domain/errors.py", '"""', '"""Newer. ')
    (sources / "docs/<<cookiecutter.resource>>.md").write_text("# New\n")
    commit(template, "Another version")

    run(CRUFT, "check", cwd=service, status=1)
    run(CRUFT, "update", "--skip-apply-ask", cwd=service)
    run(CRUFT, "check", cwd=service)

    assert changed(service) == {
        ".cruft.json",
        "docs/order.md",
        "docs/runbook.md",
        "src/orders/domain/errors.py",
    }
    assert "# Ours: prices come first." in (service / "src/orders/domain/model.py").read_text()
    assert (service / "docs/runbook.md").read_text().startswith("# Newer: ")
    assert (service / "src/orders/domain/errors.py").read_text().startswith('"""Newer. ')
    assert contents(service.parent) == shared


def test_update_replaces_the_unedited_chassis(
    template: Path, service: Path, tmp_path: Path
) -> None:
    chassis = "<<cookiecutter.service_name>>/src/<<cookiecutter.__package>>/chassis"
    edit(template / chassis / "context.py", "import time\n", "import time  # Fixed.\n")
    commit(template, "A fix in the chassis")
    upgraded = shutil.copytree(service, tmp_path / "upgraded")
    fix = {"chassis.lock", "src/orders/chassis/context.py"}

    run(CRUFT, "update", "--skip-apply-ask", cwd=service)
    assert changed(service) == {".cruft.json", *fix}
    run("sha256sum", "--check", "--quiet", "chassis.lock", cwd=service)

    # An update after `fleet upgrade` finds the fix in place.
    for name in fix:
        shutil.copy(service / name, upgraded / name)
    commit(upgraded, "The chassis alone")
    run(CRUFT, "update", "--skip-apply-ask", cwd=upgraded)
    assert changed(upgraded) == {".cruft.json"}


def test_an_answer_can_be_changed_later(service: Path) -> None:
    answers = ("--variables-to-update", json.dumps({"database": "mysql"}))
    run(CRUFT, "update", "--skip-apply-ask", *answers, cwd=service)

    grep = ("git", "grep", "--untracked", "--ignore-case", "--files-with-matches")
    but_cruft = ("--", ":!.cruft.json")  # it contains the template's private variables
    assert run(*grep, "psycopg", *but_cruft, cwd=service, status=1) == ""
    assert "pyproject.toml" in run(*grep, "pymysql", *but_cruft, cwd=service)


def changed(repository: Path) -> set[str]:
    """Return the files that differ from the last commit, or are new."""
    return set(run("git", "status", "--porcelain", cwd=repository).split()[1::2])


def contents(workspace: Path) -> dict[str, bytes]:
    """Return the shared files of a workspace."""
    return {path.name: path.read_bytes() for path in workspace.iterdir() if path.is_file()}
