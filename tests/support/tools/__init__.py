"""Tools that validate a rendered chart, each in one version, installed into the cache once.

They are installed by name from the registries of their languages (Go, npm, PyPI), outside of this
project's environment. `python -m tests.support.tools` installs all of them.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.servers import MissingServerError

TEMPLATE = Path(__file__).resolve().parents[3]
CACHE = Path(
    os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache",
    "cookiecutter-flask-microservice",
    "tools",
)


def kept(name: str, install: Callable[[Path], None]) -> Path:
    """Return the folder of a tool; the first call fills it with `install`.

    Raises:
        MissingServerError: the installation failed.
    """
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            # Renamed when complete, so that a killed run leaves no partial tool.
            with tempfile.TemporaryDirectory(dir=CACHE, prefix=f"{name}-") as scratch:
                install(Path(scratch, "tool"))
                Path(scratch, "tool").rename(folder)
    return folder


def run(program: str, *arguments: str | Path, needed_by: str, **environment: str) -> None:
    """Run an installer, at low priority.

    Raises:
        MissingServerError: it is missing or failed; names the tool that needed it.
    """
    if not (path := shutil.which(program)):
        raise MissingServerError(f"{needed_by} needs {program}, which is not on PATH")
    done = subprocess.run(
        ["nice", "-n", "10", path, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    if done.returncode:
        raise MissingServerError(f"{needed_by} can't be installed:\n{done.stderr[-2000:]}")


def from_pypi(package: str, version: str) -> Path:
    """Return a virtual environment with a package."""

    def install(folder: Path) -> None:
        uv = os.environ.get("UV") or shutil.which("uv") or str(TEMPLATE / ".uv/bin/uv")
        name = f"{package}=={version}"
        run(uv, "venv", "--quiet", "--relocatable", folder, needed_by=package)
        run(uv, "pip", "install", "--quiet", "--python", folder, name, needed_by=package)

    return kept(f"{package}-{version}", install)


def from_npm(name: str, packages: Sequence[str]) -> Path:
    """Return a folder with packages in its node_modules."""

    def install(folder: Path) -> None:
        folder.mkdir()
        (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
        options = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps")
        run("npm", "install", *options, "--prefix", folder, *packages, needed_by=name)

    return kept(name, install)


def from_go(module: str, version: str) -> Path:
    """Return a folder with the program of a Go module."""

    def install(folder: Path) -> None:
        name = f"{module}@{version}"
        run("go", "install", "-ldflags=-s -w", name, needed_by=module, GOBIN=str(folder))

    program = module.rpartition("/")[2]
    return kept(f"{program}-{version}", install)


def source(module: str, version: str) -> Path:
    """Return the source of a Go module, in Go's cache.

    Raises:
        MissingServerError: it is not available.
    """
    if not (go := shutil.which("go")):
        raise MissingServerError(f"{module} needs go, which is not on PATH")
    done = subprocess.run(
        [go, "mod", "download", "-json", f"{module}@{version}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    found = json.loads(done.stdout or "{}")
    if "Dir" not in found:
        raise MissingServerError(f"{module} can't be had:\n{found.get('Error') or done.stderr}")
    return Path(found["Dir"])
