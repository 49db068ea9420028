"""The template in a git repository of its own, and the programs that work with it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from tests.support.rendering import TEMPLATE
from tests.support.verbs import environment

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


def replace(file: Path, old: str, new: str, times: int = 1) -> None:
    """Replace the first occurrences of a text in a file."""
    text = file.read_text("utf-8")
    assert text.count(old) >= times, f"{old!r} is not in {file}"
    file.write_text(text.replace(old, new, times), "utf-8")


def console_blocks(text: str) -> list[str]:
    """Return the blocks of commands on a page, or in a part of one."""
    blocks = re.compile(r"^ *```console\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in blocks.findall(text)]


def path_with_uvx(folder: Path, template: Path) -> str:
    """Return a PATH with a `uvx` that runs cruft, and the fleet tool of a copy of the template."""
    folder.mkdir()
    uvx = folder / "uvx"
    uvx.write_text(f"""#!/bin/sh
case "$1 $3" in
  "--from fleet") shift 3; PYTHONPATH="{template}" exec "{sys.executable}" -Bm fleet "$@" ;;
  cruft*) shift; exec "{CRUFT}" "$@" ;;
esac
exit 2
""")
    uvx.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def shell(block: str, cwd: Path, path: str, status: int = 0) -> str:
    """Run a block of commands as a developer does; return its standard output."""
    env = {**environment(), "PATH": path}
    return run("bash", "-euo", "pipefail", "-c", block, cwd=cwd, status=status, env=env)
