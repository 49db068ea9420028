"""The Jinja extension is found in every way to use the template, and in the right version."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.environment import StrictEnvironment
from jinja2.nodes import Assign, CondExpr, For, If

from tests.support.rendering import MANIFEST, TEMPLATE

NAME = f"template_{MANIFEST['_template_version'].replace('.', '_')}"
CRUFT = Path(sys.executable).with_name("cruft")

# Records in the service whether `template_folder` is the folder of the template.
HOOK = """\
from pathlib import Path

told = Path(r"<< template_folder >>", "cookiecutter.json")
Path("told.txt").write_text(f"{told.is_absolute()} {told.is_file()}")
"""


def run(*command: str | Path, cwd: Path, status: int = 0) -> None:
    """Run a program that must end with this status, and return its output."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr


def commit(folder: Path) -> None:
    """Commit all files in a folder."""
    run("git", "add", "--all", cwd=folder)
    run("git", "commit", "--quiet", "--message=Next", cwd=folder)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A repository with a small template that uses this extension."""
    folder = tmp_path / "template"
    service = folder / "<<cookiecutter.service_name>>"
    for each in (service, folder / "hooks", folder / "{{cookiecutter.for_cruft}}"):
        each.mkdir(parents=True)
    shutil.copy(TEMPLATE / f"{NAME}.py", folder)
    write_manifest(folder, NAME)
    (folder / "hooks" / "post_gen_project.py").write_text(HOOK)
    (folder / "{{cookiecutter.for_cruft}}" / "README.md").write_text("For cruft.\n")
    (service / "resource.txt").write_text("<< cookiecutter.service_name | resource >>\n")
    (folder / ".gitignore").write_text("__pycache__/\n")
    run("git", "init", "--quiet", "--initial-branch=main", cwd=folder)
    commit(folder)
    return folder


def write_manifest(folder: Path, extension: str) -> None:
    """Write the questions of the small template, with an extension of this name."""
    manifest: dict[str, Any] = {
        "service_name": "orders",
        "_extensions": [f"{extension}.Template"],
        "_jinja2_env_vars": MANIFEST["_jinja2_env_vars"],
    }
    (folder / "cookiecutter.json").write_text(json.dumps(manifest))


def texts(service: Path) -> dict[str, str]:
    """Return the text files of a service."""
    return {path.name: path.read_text() for path in service.glob("*.txt")}


EXPECTED = {"resource.txt": "order\n", "told.txt": "True True"}


def test_the_module_is_named_after_the_version() -> None:
    assert MANIFEST["_extensions"] == [f"{NAME}.Template"]
    assert [path.stem for path in TEMPLATE.glob("template_*.py")] == [NAME]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda template: (str(template), template.parent), id="path"),
        pytest.param(lambda template: (".", template), id="here"),
        pytest.param(lambda template: (f"git+{template.as_uri()}", template.parent), id="clone"),
    ],
)
def test_cookiecutter_finds_it(
    template: Path, tmp_path: Path, source: Callable[[Path], tuple[str, Path]]
) -> None:
    address, folder = source(template)
    config = tmp_path / "config.yaml"
    config.write_text(f"cookiecutters_dir: {tmp_path}/clones\nreplay_dir: {tmp_path}/replay\n")
    arguments = ("--no-input", "--config-file", config, "--output-dir", tmp_path / "out")
    run(sys.executable, "-m", "cookiecutter", *arguments, address, cwd=folder)

    assert texts(tmp_path / "out" / "orders") == EXPECTED


def test_cruft_update_renders_each_version_with_its_own_extension(
    template: Path, tmp_path: Path
) -> None:
    run(CRUFT, "create", "--no-input", "--output-dir", tmp_path, template, cwd=tmp_path)
    service = tmp_path / "orders"
    assert texts(service) == EXPECTED
    run("git", "init", "--quiet", cwd=service)
    commit(service)
    run(CRUFT, "check", cwd=service)

    extension = (template / f"{NAME}.py").read_text()
    (template / f"{NAME}.py").unlink()
    newer = re.sub(
        r"(?<=def resource\(service_name: str\) -> str:\n)", "    return 'new'\n", extension
    )
    assert newer != extension
    (template / "template_99_0_0.py").write_text(newer)
    write_manifest(template, "template_99_0_0")
    commit(template)

    run(CRUFT, "check", cwd=service, status=1)
    run(CRUFT, "update", "--skip-apply-ask", cwd=service)
    run(CRUFT, "check", cwd=service)
    assert texts(service) == {**EXPECTED, "resource.txt": "new\n"}


def test_answers_are_derived_without_conditions_and_loops() -> None:
    jinja = StrictEnvironment(context={"cookiecutter": MANIFEST}, **MANIFEST["_jinja2_env_vars"])
    derived = {name: text for name, text in MANIFEST.items() if isinstance(text, str)}

    assert {
        name: text
        for name, text in derived.items()
        if list(jinja.parse(text).find_all((If, For, CondExpr, Assign)))
    } == {}
