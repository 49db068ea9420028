"""Packages of other Debian suites, unpacked into the cache: the machine itself keeps its own."""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .processes import ServerError

CACHE = Path(
    os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "cookiecutter-flask-microservice"
)


def unpacked(suite: str, *packages: str) -> Path:
    """Give a folder with these packages of a suite.

    Raises:
        ServerError: they can't be had.
    """
    folder = CACHE / f"{suite}-{'-'.join(packages)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            # Renamed when it is whole: a run that is killed leaves no half of it.
            with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
                for package in _download(suite, packages, Path(scratch)):
                    run("dpkg-deb", "--extract", package, f"{scratch}/root")
                Path(scratch, "root").rename(folder)
    return folder


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and give what it prints.

    Raises:
        ServerError: it failed; the message has what it said.
    """
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise ServerError(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _download(suite: str, packages: Sequence[str], folder: Path) -> list[Path]:
    """Download packages of another suite through apt lists of its own."""
    sources = folder / "sources.list"
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    # From wherever this machine gets its own packages.
    mirrors = run(
        "apt-get", "indextargets", "--format=$(REPO_URI)", "Origin: Debian", "Label: Debian"
    )
    mirror = mirrors.splitlines()[0]
    sources.write_text(f"deb [signed-by={keys}] {mirror} {suite} main\n")
    (folder / "lists/partial").mkdir(parents=True)
    options = [
        f"-oDir::State::lists={folder}/lists",
        f"-oDir::Cache={folder}/cache",
        f"-oDir::Etc::sourcelist={sources}",
        "-oDir::Etc::sourceparts=/dev/null",
        "-oAPT::Sandbox::User=",
    ]
    run("apt-get", *options, "update", cwd=folder)
    run("apt-get", *options, "download", *packages, cwd=folder)
    return sorted(folder.glob("*.deb"))
