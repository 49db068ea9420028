"""Packages of other Debian suites, unpacked into the cache, without installing them."""

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
    """Return a folder with these packages of a suite.

    Raises:
        ServerError: they are not available.
    """
    folder = CACHE / f"{suite}-{'-'.join(packages)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            # Renamed when complete, so that a killed run leaves no partial folder.
            with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
                for package in _download(suite, packages, Path(scratch)):
                    run("dpkg-deb", "--extract", package, f"{scratch}/root")
                Path(scratch, "root").rename(folder)
    return folder


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return its output.

    Raises:
        ServerError: it failed; the message has its output.
    """
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise ServerError(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _download(suite: str, packages: Sequence[str], folder: Path) -> list[Path]:
    """Return packages of another suite, downloaded with separate apt lists."""
    sources = folder / "sources.list"
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    # From the mirror of this machine.
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
