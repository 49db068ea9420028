"""The template in a git repository of its own, and the programs that work with it."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.rendering import TEMPLATE

CRUFT = Path(sys.executable).with_name("cruft")
NOT_COPIED = shutil.ignore_patterns(".git", ".uv", ".venv*", ".*_cache", "__pycache__", "site")


def run(
    *command: str | Path, cwd: Path, status: int = 0, env: Mapping[str, str] | None = None
) -> str:
    """Run a program that ends with this status; return its standard output."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def commit(repository: Path, message: str) -> None:
    """Commit everything in a folder."""
    run("git", "add", "--all", cwd=repository)
    run("git", "commit", "--quiet", "--no-verify", f"--message={message}", cwd=repository)


def new_repository(folder: Path, message: str) -> None:
    """Make a repository of a folder, with everything in it in one commit."""
    run("git", "init", "--quiet", "--initial-branch=main", cwd=folder)
    commit(folder, message)


def copy_work_tree(folder: Path) -> None:
    """Copy the template as it is in the work tree."""
    shutil.copytree(TEMPLATE, folder, ignore=NOT_COPIED, dirs_exist_ok=True)


def replace(file: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    text = file.read_text("utf-8")
    assert old in text, f"{old!r} is not in {file}"
    file.write_text(text.replace(old, new, 1), "utf-8")
