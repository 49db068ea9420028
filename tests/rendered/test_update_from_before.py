"""Services of the version with `platform/` follow docs/upgrading.md, command by command."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.rendering import TEMPLATE
from tests.support.team_changes import Team
from tests.support.template_repository import (
    CRUFT,
    commit,
    console_blocks,
    copy_work_tree,
    new_repository,
    path_with_uvx,
    run,
    shell,
)
from tests.support.verbs import make

# The last commit with `platform/`.
BEFORE = "2d199ac"

PAGE = TEMPLATE / "docs/upgrading.md"

# Files that the team changes; a conflict anywhere else would be one with nothing.
CHANGED = {
    *(".env.example", "README.md", "docs/configuration.md", "pyproject.toml", "uv.lock"),
    *("adapters/database/reader.py", "adapters/reports.py", "domain/model.py", "domain/ports.py"),
    *("domain/values.py", "settings.py", "use_cases/__init__.py", "use_cases/rename.py"),
    *("tests/unit/test_reports.py", "log level"),
}


@dataclass(frozen=True)
class Case:
    """A service and its answers.

    Attributes:
        update: which of the page's commands updates it.
        renamed: the resource after the update, if it has another name then.
    """

    name: str
    resource: str
    answers: dict[str, str] = field(default_factory=dict)
    update: int = 0
    renamed: str = ""


CASES = [
    Case("orders", "order"),
    Case("notes", "note", {"database": "sqlite", "workspace": ""}),
    Case("invoices", "invoice", {"database": "mysql", "ci": "gitlab", "deploy": "swarm"}),
    Case(
        "checkout",
        "checkout",
        {"depends_on": "inventory,payments", "discovery": "consul"},
        update=1,
    ),
    Case("shipments", "shipment", {"rollout": "canary", "mesh": "istio", "discovery": "etcd"}),
    Case(
        "customer-notification-preferences",
        "customer_notification_preference",
        {"ci": "gitlab", "workspace": ""},
        update=2,
        renamed="notification_preference",
    ),
]


def steps() -> dict[str, list[str]]:
    """Return the commands of every step on the page, a block each."""
    section = PAGE.read_text("utf-8").partition("## From a service with `platform/`\n")[2]
    parts = [part.partition("\n") for part in re.split(r"^###? \d?\.? ?", section, flags=re.M)[1:]]
    return {title: console_blocks(text) for title, _, text in parts}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template in a repository: the version with `platform/`, then the work tree."""
    archive = subprocess.run(
        ["git", "archive", BEFORE], cwd=TEMPLATE, capture_output=True, check=False
    )
    if archive.returncode:
        reason = f"the history lacks {BEFORE}: {archive.stderr.decode().strip()}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    folder = tmp_path_factory.mktemp("template")
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    new_repository(folder, "With platform/")
    for entry in folder.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    copy_work_tree(folder)
    commit(folder, "Work tree")
    return folder


@pytest.fixture
def path(tmp_path: Path, template: Path) -> str:
    """A PATH with the programs of the page."""
    return path_with_uvx(tmp_path / "programs", template)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.long) for case in CASES],
    ids=lambda case: case.name,
)
def test_service_with_changes_is_upgraded(
    case: Case, template: Path, path: str, tmp_path: Path
) -> None:
    upgrade(case, template, path, tmp_path / "workspace", tested_before=True)


def test_default_service_with_changes_is_upgraded(
    template: Path, path: str, tmp_path: Path
) -> None:
    upgrade(CASES[0], template, path, tmp_path / "workspace", tested_before=False)


def upgrade(case: Case, template: Path, path: str, workspace: Path, *, tested_before: bool) -> None:
    """Make a service as it was before, let its team change it, and follow the page."""
    service = made_before(case, template, workspace)
    team = Team(service, case.resource)
    team.work()
    if tested_before:
        make(service, "lint")
        run(".venv/bin/pytest", "tests/unit/test_reports.py", cwd=service)
    commit(service, "Work of the team")

    def sh(block: str, status: int = 0) -> str:
        return shell(block.replace("src/orders", f"src/{team.source.name}"), service, path, status)

    page = steps()
    branch, *updates, merge = page["Update the template on a branch"]
    sh(branch)
    sh(updates[case.update])
    *committed, merged = merge.strip().splitlines()
    sh("\n".join(committed))
    sh(merged, status=1)

    conflicts = sh("git diff --name-only --diff-filter=U").split()
    new = sh("git rev-parse template-update").strip()
    look, restore = page["Renamed resources"]
    assert ("versions" in sh(look)) == bool(case.renamed)
    if case.renamed:
        sh(restore)
        (service / "migrations/versions/0002_rename_table.py").write_text(migration())
    show, take = page["Resolve the conflicts"]
    assert "+    ReportSettings,\n" in sh(show)
    sh(take)
    for file in sh("git diff --name-only --diff-filter=U").split():
        if (service / file).name != "__init__.py":
            sh(f"git checkout --theirs {file}")
    team.repeat(conflicts, case.renamed or case.resource)
    (rename,) = page["Rename imports in your own files"]
    sh(rename)

    check, register = page["Check, commit, register"]
    assert " passed in " in sh(check)
    run(CRUFT, "check", cwd=service)
    assert set(sh(f"git diff --name-only --no-renames {new}").split()) == {
        *changed(team),
        *migrations(case),
    }
    if case.answers.get("workspace") != "":
        sh(register)
        shared = contents(workspace)
        make(service, "register")
        assert contents(workspace) == shared
        assert "ports: {http: 8001}" in (workspace / "services.yaml").read_text("utf-8")
        assert (workspace / "platform/fleet.pyz").is_file()


def made_before(case: Case, template: Path, workspace: Path) -> Path:
    """Make a service by cruft from the template's first commit, and commit it."""
    workspace.mkdir()
    answers = json.dumps({"service_name": case.name, **case.answers})
    first = run("git", "rev-list", "--max-parents=0", "HEAD", cwd=template).strip()
    options = ("--checkout", first, "--no-input", "--output-dir", workspace)
    run(CRUFT, "create", template, *options, "--extra-context", answers, cwd=workspace)
    new_repository(workspace / case.name, "Made by the template")
    return workspace / case.name


def changed(team: Team) -> Iterator[str]:
    """Yield the files that differ from the template's after the update."""
    for name in CHANGED:
        file = team.log_level if name == "log level" else team.source / name
        in_source = file.exists()
        yield (file if in_source else team.service / name).relative_to(team.service).as_posix()


def migrations(case: Case) -> list[str]:
    """Return the migrations that differ from the template's after the update."""
    if not case.renamed:
        return []
    names = (f"1_create_{case.resource}s", f"1_create_{case.renamed}s", "2_rename_table")
    return [f"migrations/versions/000{name}.py" for name in names]


def migration() -> str:
    """Return the migration on the page that renames a table."""
    return PAGE.read_text("utf-8").partition("```python\n")[2].partition("```")[0]


def contents(workspace: Path) -> dict[Path, bytes]:
    """Return the files that the services of a workspace share."""
    files = [*workspace.glob("*.yaml"), *(workspace / "platform").rglob("*")]
    return {file: file.read_bytes() for file in files if file.is_file()}
