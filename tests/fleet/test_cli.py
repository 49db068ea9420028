"""The command line, and the workspace's copy of the tool."""

import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner, Result

import fleet
from fleet import archive, cli, workspace
from tests.support.rendering import MANIFEST
from tests.support.stubs import contents, register, stub


def run(*arguments: str | Path) -> Result:
    """Run the tool and return the process."""
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def copy(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a workspace's copy of the tool and return the process."""
    command = [sys.executable, str(folder / "platform/fleet.pyz"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_version_is_the_templates() -> None:
    assert fleet.__version__ == MANIFEST["_template_version"]
    assert run("--version").stdout == f"fleet, version {fleet.__version__}\n"


@pytest.mark.parametrize("command", ["", "register", "unregister", "list", "status", "upgrade"])
def test_every_command_has_help(command: str) -> None:
    done = run(*command.split(), "--help")
    assert done.exit_code == 0
    assert "Usage: " in done.stdout


@pytest.mark.parametrize("arguments", [["register"], ["nothing"], ["list", "--nothing"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_register_list_and_unregister(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    done = run("register", root)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"orders is registered in {tmp_path}: http 8001\n"
    stub(tmp_path / "team", "stock")
    assert json.loads(run("register", tmp_path / "team/stock", "--json").stdout) == {
        "name": "stock",
        "ports": {"http": 8002},
        "notes": [],
    }
    listed = run("list", "--workspace", tmp_path).stdout.splitlines()
    assert listed[0].split("\t")[:5] == [
        "orders",
        "orders",
        "platform-team",
        "http:8001",
        "inventory",
    ]
    found = json.loads(run("status", "--workspace", tmp_path, "--json").stdout)
    assert [(it["name"], it["path"], it["present"]) for it in found] == [
        ("orders", "orders", True),
        ("stock", "team/stock", True),
    ]
    for path in ("orders", "team/stock"):
        assert run("unregister", tmp_path / path).exit_code == 0
    assert contents(tmp_path) == {}


def test_listing_reports_contracts_that_no_dependency_explains(tmp_path: Path) -> None:
    run("register", stub(tmp_path, "orders"))  # which calls inventory
    folder = tmp_path / "contracts"
    folder.mkdir()
    for consumer, provider in (("orders", "inventory"), ("orders", "payments"), ("gone", "orders")):
        contract = {"consumer": {"name": consumer}, "provider": {"name": provider}}
        (folder / f"{consumer}.{provider}.json").write_text(json.dumps(contract))
    (folder / "broken.json").write_text("[")

    done = run("list", "--workspace", tmp_path)

    assert done.exit_code == 0
    broken, gone, orders = done.stderr.splitlines()
    assert f"{folder / 'broken.json'}: not a contract" in broken
    assert "gone is not registered as a service that calls orders" in gone
    assert "orders is not registered as a service that calls payments" in orders


def test_a_refusal_is_one_line_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "services.yaml").write_text("services: [\n")
    root = stub(tmp_path, "orders")
    for arguments in (f"register {root}", f"unregister {root}", f"list --workspace {tmp_path}"):
        done = run(*arguments.split())
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"fleet: {tmp_path}/services.yaml:2: broken YAML")
        assert len(done.stderr.splitlines()) == 1


def test_listing_needs_a_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("list")
    assert done.exit_code == 1
    assert "no services.yaml" in done.stderr


def test_the_copy_does_what_the_tool_does(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders"))
    registered = contents(tmp_path)
    stub(tmp_path, "stock")
    assert copy(tmp_path, "register", "stock").stderr == ""
    both = contents(tmp_path)
    register(tmp_path, tmp_path / "stock")
    assert contents(tmp_path) == both
    assert copy(tmp_path, "unregister", "stock").stderr == ""
    assert contents(tmp_path) == registered
    assert copy(tmp_path, "unregister", "orders").stderr == ""
    assert contents(tmp_path) == {}


def test_the_copy_is_independent_of_dates(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders"))
    with ZipFile(tmp_path / "platform/fleet.pyz") as file:
        assert {entry.date_time[0] for entry in file.infolist()} == {1980}
        assert file.namelist() == sorted(file.namelist())
        names = set(file.namelist())
    assert {"__main__.py", "VERSION", "fleet/cli.py", "fleet/parts/gateway/run.sh"} <= names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_copy_has_no_chassis(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders"))
    done = copy(tmp_path, "upgrade")
    assert done.returncode == 1
    assert "uvx --from" in done.stderr


def with_version(path: Path, version: str) -> None:
    """Change the version of a copy of the tool."""
    with ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    entries["VERSION"] = version.encode()
    code = entries["fleet/__init__.py"].decode()
    entries["fleet/__init__.py"] = code.replace(fleet.__version__, version).encode()
    with ZipFile(path, "w") as new:
        for name, content in entries.items():
            new.writestr(name, content)


def test_an_older_copy_is_replaced(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders"))
    path = tmp_path / archive.PLACE
    before = path.read_bytes()
    with_version(path, "0.0.9")
    register(tmp_path, tmp_path / "orders")
    assert path.read_bytes() == before


def test_a_newer_copy_is_used_and_kept(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders"))
    with_version(tmp_path / archive.PLACE, "0.10.0")
    done = workspace.register(tmp_path, stub(tmp_path, "stock"))
    assert (done.name, done.ports) == ("stock", {"http": 8002})
    assert archive.version(tmp_path) == "0.10.0"
    assert b'version = "0.10.0"' in contents(tmp_path)["platform/fleet.lock"]
    (tmp_path / "stock/compose.yaml").write_text("services: [")
    with pytest.raises(fleet.FleetError, match=r"stock/compose\.yaml"):
        workspace.register(tmp_path, tmp_path / "stock")
    stub(tmp_path, "stock")
    for name in ("orders", "stock"):
        workspace.unregister(tmp_path, tmp_path / name)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("content", [b"", b"not a zip file"])
def test_another_file_in_its_place_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "platform").mkdir()
    (tmp_path / archive.PLACE).write_bytes(content)
    with pytest.raises(fleet.FleetError, match="is not a copy of the fleet tool"):
        register(tmp_path, stub(tmp_path, "orders"))
