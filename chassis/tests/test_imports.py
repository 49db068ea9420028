"""The import rules hold, and a violation of each kind is reported by name."""

import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import grimp
import pytest

import chassis

CONFIG = Path(__file__).parents[1] / "pyproject.toml"
# Packages that a service without peers lacks, so their parent cannot export them.
ALSO_PUBLIC = {"discovery.resolution", "discovery.resolution.fixed"}


@dataclass(frozen=True)
class Copy:
    """A copy of the chassis inside the package of a service."""

    folder: Path

    def plant(self, module: str, line: str) -> None:
        with (self.folder / "chassis" / module).open("a") as file:
            file.write(f"\n{line}\n")

    def run(self, *command: str | Path) -> tuple[int, str]:
        bin_folder = Path(sys.executable).parent
        result = subprocess.run(
            [bin_folder / command[0], *command[1:]],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout

    def lint_imports(self) -> tuple[int, str]:
        return self.run("lint-imports", "--config", CONFIG, "--no-cache")

    def banned_imports(self) -> tuple[int, str]:
        return self.run("ruff", "check", "--config", CONFIG, "--select", "TID251", "chassis")


def private_imports() -> list[str]:
    """Return imports of a module that another package does not export."""
    graph = grimp.build_graph("service", cache_dir=None)
    edges = [
        (importer.split(".")[2:], imported.split(".")[2:])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    ]
    return [
        f"{'.'.join(importer)} -> {'.'.join(imported)}"
        for importer, imported in edges
        if importer[:1] != imported[:1] and not _is_public(*imported)
    ]


def _is_public(*path: str) -> bool:
    if len(path) == 1 or ".".join(path) in ALSO_PUBLIC:
        return True
    package = importlib.import_module(".".join(("chassis", *path[:-1])))
    return path[-1] in getattr(package, "__all__", ())


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    monkeypatch.syspath_prepend(tmp_path)
    service = tmp_path / "service"
    shutil.copytree(Path(chassis.__path__[0]), service / "chassis")
    (service / "__init__.py").touch()
    return Copy(service)


def test_the_rules_hold(copy: Copy) -> None:
    assert copy.lint_imports()[0] == 0
    assert copy.banned_imports()[0] == 0
    assert private_imports() == []


@pytest.mark.parametrize(
    ("module", "line", "reported"),
    [
        ("context.py", "from . import lifecycle", "chassis.context -> chassis.lifecycle"),
        ("auth/fetch.py", "from .. import inbound", "chassis.auth.fetch -> chassis.inbound"),
        ("auth/fetch.py", "from .. import discovery", "chassis.auth.fetch -> chassis.discovery"),
        ("settings.py", "from . import context", "chassis.settings -> chassis.context"),
        ("extra.py", "", "extra"),
        (
            "peers/client.py",
            "from .. import mtls",
            "chassis.peers.client -> chassis.mtls",
        ),
        (
            "discovery/registry/etcd.py",
            "from . import consul",
            "chassis.discovery.registry.etcd -> chassis.discovery.registry.consul",
        ),
        (
            "database/dialects/mysql.py",
            "from . import sqlite",
            "chassis.database.dialects.mysql -> chassis.database.dialects.sqlite",
        ),
    ],
    ids=[
        "two floors up",
        "up",
        "sibling",
        "lowest sibling",
        "unlisted",
        "part",
        "registry",
        "dialect",
    ],
)
def test_a_planted_violation_is_named(copy: Copy, module: str, line: str, reported: str) -> None:
    copy.plant(module, line)

    status, output = copy.lint_imports()

    assert status == 1
    assert reported in " ".join(output.split())


def test_an_absolute_import_is_named(copy: Copy) -> None:
    copy.plant("context.py", "from chassis.settings import Settings")

    status, output = copy.banned_imports()

    assert status == 1
    assert "chassis/context.py" in output
    assert "Import relatively" in output


def test_an_import_of_a_private_module_is_named(copy: Copy) -> None:
    copy.plant("observability/logs.py", "from ..auth.verifier import Caller")

    assert private_imports() == ["observability.logs -> auth.verifier"]
