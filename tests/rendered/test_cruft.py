"""A service follows the template: cruft creates it, reports updates and applies them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rendering import TEMPLATE

CRUFT = Path(sys.executable).with_name("cruft")
NO_PART_OF_IT = shutil.ignore_patterns(".git", ".uv", ".venv", ".*_cache", "__pycache__", "site")


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    """Run a program that must end with this status, and return its output."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def commit(repository: Path, message: str) -> None:
    """Commit all files in a folder."""
    run("git", "add", "--all", cwd=repository)
    run("git", "commit", "--quiet", "--no-verify", f"--message={message}", cwd=repository)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template as it is in the work tree, in a separate repository."""
    repository = tmp_path / "template"
    shutil.copytree(TEMPLATE, repository, ignore=NO_PART_OF_IT)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=repository)
    commit(repository, "One version")
    return repository


@pytest.fixture
def service(template: Path) -> Path:
    """A service created by cruft, committed, and registered in the workspace around it."""
    workspace = template.parent / "workspace"
    workspace.mkdir()
    run(CRUFT, "create", template, "--no-input", "--output-dir", workspace, cwd=template.parent)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=workspace / "orders")
    commit(workspace / "orders", "Made by the template")
    return workspace / "orders"


def test_update_keeps_edited_files(template: Path, service: Path) -> None:
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
    but_cruft = ("--", ":!.cruft.json")  # it contains the template's private variables
    assert run(*grep, "psycopg", *but_cruft, cwd=service, status=1) == ""
    assert "pyproject.toml" in run(*grep, "pymysql", *but_cruft, cwd=service)


def contents(workspace: Path) -> dict[str, bytes]:
    """Return the shared files of a workspace."""
    return {path.name: path.read_bytes() for path in workspace.iterdir() if path.is_file()}


def edit(file: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
