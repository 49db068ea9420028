"""Services can be updated: cruft create, check, diff and update on a clone."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cruft
import pytest

from tests.support.rendering import MANIFEST, TEMPLATE
from tests.support.stubs import contents

EXTENSION = MANIFEST["_extensions"][0].partition(".")[0]
PARTS = (
    "cookiecutter.json",
    f"{EXTENSION}.py",
    "fleet",
    "hooks",
    "<<cookiecutter.service_name>>",
    "{{cookiecutter.for_cruft}}",
)


def git(folder: Path, *words: str) -> None:
    """Run git quietly."""
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def commit(folder: Path) -> None:
    """Commit all files in the folder."""
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "Next")


def files(project: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file of a service with its mode, except those of cruft and git."""
    return {
        path.relative_to(project).as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in sorted(project.rglob("*"))
        if path.is_file() and path.name != ".cruft.json" and ".git" not in path.parts
    }


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A repository with the template as it is in the work tree."""
    folder = tmp_path / "template"
    for part in PARTS:
        folder.mkdir(exist_ok=True)
        if (TEMPLATE / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(TEMPLATE / part, folder / part, ignore=ignored)
        else:
            shutil.copy(TEMPLATE / part, folder / part)
    git(folder, "init", "--initial-branch=main")
    commit(folder)
    return folder


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary folders of cruft and the hooks."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_service_is_updated_and_its_registration_is_left_alone(
    tmp_path: Path, template: Path, scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shop = tmp_path / "shop"
    answers = {"workspace": "../..", "depends_on": "stock", "database": "mysql"}
    project = cruft.create(str(template), shop / "team", default_config=True, extra_context=answers)
    registered = contents(shop)
    assert b"path: team/orders\n" in registered["services.yaml"]
    git(project, "init")
    commit(project)
    assert cruft.check(project)
    capfd.readouterr()
    assert cruft.diff(project, exit_code=True)
    assert capfd.readouterr().out == "", "hooks must not write into what is piped on"

    readme = project / "README.md"
    readme.write_text(readme.read_text() + "\nOurs.\n")
    commit(project)
    source = template / "<<cookiecutter.service_name>>"
    (source / ".editorconfig").write_text("# << cookiecutter.service_name >>\n")
    (source / "docs" / "mysql.md").write_text("# Room\n")
    (source / "docs" / "postgresql.md").write_text("# No room\n")
    commit(template)
    assert not cruft.check(project)
    assert cruft.update(project)
    assert (project / ".editorconfig").read_text() == "# orders\n"
    assert readme.read_text().endswith("\nOurs.\n")
    assert (project / "docs" / "mysql.md").exists()
    assert not (project / "docs" / "postgresql.md").exists()
    assert not list(project.rglob("*.rej"))
    assert cruft.check(project)

    assert contents(shop) == registered
    assert contents(shop / "team") == {}
    assert list(scratch.glob("*.yaml")) == []


@pytest.mark.usefixtures("scratch")
def test_other_answers_later_give_what_they_would_have_given_at_once(
    tmp_path: Path, template: Path
) -> None:
    later = {
        "depends_on": "payments,stock",
        "database": "mysql",
        "discovery": "etcd",
        "mesh": "istio",
        "rollout": "canary",
        "ci": "gitlab",
    }
    at_once = cruft.create(str(template), tmp_path / "a", default_config=True, extra_context=later)
    project = cruft.create(str(template), tmp_path / "b", default_config=True)
    first = files(project)
    git(project, "init")
    commit(project)

    assert cruft.update(project, extra_context=later)
    assert files(project) == files(at_once)

    commit(project)
    before = {"depends_on": "", "database": "postgresql", "discovery": "dns", "mesh": "none"}
    assert cruft.update(project, extra_context={**before, "rollout": "rolling", "ci": "github"})
    assert files(project) == first


def test_an_answer_changed_by_an_update_is_checked_too(
    tmp_path: Path, template: Path, scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = cruft.create(str(template), tmp_path / "shop", default_config=True)
    git(project, "init")
    commit(project)
    before = contents(tmp_path / "shop")
    with pytest.raises(Exception, match="Hook script failed"):
        cruft.update(project, extra_context={"owner": "no team at all"})
    assert "Owning team (owner): " in capfd.readouterr().err
    assert contents(tmp_path / "shop") == before
    assert list(scratch.glob("*.yaml")) == []


def test_generating_leaves_no_bytecode_of_the_fleet_tool_in_the_template(
    tmp_path: Path, template: Path
) -> None:
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config"]
    subprocess.run([*command, "-o", tmp_path / "shop", template], cwd=tmp_path, check=True)
    assert (tmp_path / "shop/services.yaml").exists()
    assert not list((template / "fleet").rglob("*.pyc"))
