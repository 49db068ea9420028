"""A service follows the template: cruft creates it, sees that it is behind, and brings it up to date."""

import json
from pathlib import Path

import pytest

from tests.support.template_repository import CRUFT, commit, copy_work_tree, new_repository, run
from tests.support.template_repository import replace as edit


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template as it is in the work tree, in a repository of its own."""
    repository = tmp_path / "template"
    copy_work_tree(repository)
    new_repository(repository, "One version")
    return repository


@pytest.fixture
def service(template: Path) -> Path:
    """A service that cruft made, committed, and registered in the workspace around it."""
    workspace = template.parent / "workspace"
    workspace.mkdir()
    run(CRUFT, "create", template, "--no-input", "--output-dir", workspace, cwd=template.parent)
    new_repository(workspace / "orders", "Made by the template")
    return workspace / "orders"


def test_update_keeps_what_people_changed(template: Path, service: Path) -> None:
    run(CRUFT, "check", cwd=service)
    shared = contents(service.parent)

    edit(service / "src/orders/domain/model.py", "\n", "\n# Ours: prices come first.\n")
    commit(service, "A rule of the business")
    sources = template / "<<cookiecutter.service_name>>"
    edit(sources / "docs/runbook.md", "# ", "# Newer: ")
    edit(sources / "src/<<cookiecutter.__package>>/domain/errors.py", '"""', '"""Newer. ')
    (sources / "docs/<<cookiecutter.resource>>.md").write_text("# New\n")
    commit(template, "Another version")

    run(CRUFT, "check", cwd=service, status=1)
    run(CRUFT, "update", "--skip-apply-ask", cwd=service)
    run(CRUFT, "check", cwd=service)

    changed = run("git", "status", "--porcelain", cwd=service).split()[1::2]
    assert set(changed) == {
        ".cruft.json",
        "docs/order.md",
        "docs/runbook.md",
        "src/orders/domain/errors.py",
    }
    assert "# Ours: prices come first." in (service / "src/orders/domain/model.py").read_text()
    assert (service / "docs/runbook.md").read_text().startswith("# Newer: ")
    assert (service / "src/orders/domain/errors.py").read_text().startswith('"""Newer. ')
    assert contents(service.parent) == shared


def test_an_answer_can_be_changed_later(service: Path) -> None:
    answers = ("--variables-to-update", json.dumps({"database": "mysql"}))
    run(CRUFT, "update", "--skip-apply-ask", *answers, cwd=service)

    grep = ("git", "grep", "--untracked", "--ignore-case", "--files-with-matches")
    but_cruft = ("--", ":!.cruft.json")  # which keeps the template's tables
    assert run(*grep, "psycopg", *but_cruft, cwd=service, status=1) == ""
    assert "pyproject.toml" in run(*grep, "pymysql", *but_cruft, cwd=service)


def contents(workspace: Path) -> dict[str, bytes]:
    """The files that the services of a workspace share."""
    return {path.name: path.read_bytes() for path in workspace.iterdir() if path.is_file()}
