"""The chassis of services is upgraded to the tool's version, and nothing else changes."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleet import chassis, cli, upgrade
from fleet.chassis import Chassis, Lock
from tests.support.stubs import contents, register, stub

OLD = {
    "__init__.py": b'"""The chassis."""\n',
    "context.py": b"OLD = True\n",
    "gone.py": b"GONE = True\n",
    "discovery/consul.py": b"OLD = True\n",
    "discovery/etcd.py": b"OLD = True\n",
}
NEW = Chassis(
    {
        "__init__.py": b'"""The chassis."""\n',
        "context.py": b"OLD = False\n",
        "added.py": b"ADDED = True\n",
        "discovery/consul.py": b"OLD = False\n",
        "discovery/etcd.py": b"OLD = False\n",
        "mtls/server.py": b"NEW = True\n",
        "consul_status.py": b"NEW = True\n",
    },
    ("consul", "etcd", "mtls"),
)


@pytest.fixture(autouse=True)
def brought(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool of version 1.10.0 with this chassis."""
    monkeypatch.setattr(upgrade, "__version__", "1.10.0")
    monkeypatch.setattr(chassis, "brought", lambda: NEW)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two services with a chassis of version 1.9.0; one of them uses Consul."""
    for name, parts in (("orders", ("consul",)), ("payment-gateways", ())):
        root = stub(tmp_path, name)
        register(tmp_path, root)
        package = f"src/{name.replace('-', '_')}"
        files = {
            f"{package}/chassis/{path}": text
            for path, text in Chassis(OLD, NEW.rooms).chosen(set(parts)).items()
        }
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text)
        (root / package / "app.py").write_text("ours\n")
        digests = {path: sha256(text).hexdigest() for path, text in files.items()}
        (root / "chassis.lock").write_bytes(Lock("1.9.0", parts, digests).text())
    return tmp_path


@pytest.fixture
def run(workspace: Path) -> Callable[..., Result]:
    """Run `fleet upgrade` in the workspace."""
    given = ["upgrade", "--workspace", str(workspace)]
    return lambda *arguments: CliRunner().invoke(cli.main, [*given, *arguments])


def files(root: Path) -> dict[str, bytes]:
    """Return every file of a service."""
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def test_every_service_gets_the_chassis_and_its_lock_only(
    workspace: Path, run: Callable[..., Result]
) -> None:
    before, shared = files(workspace / "orders"), contents(workspace)
    done = run()
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "orders: upgraded, 6 files\npayment-gateways: upgraded, 4 files\n"
    after = files(workspace / "orders")
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert changed == {
        "chassis.lock",
        "src/orders/chassis/added.py",
        "src/orders/chassis/consul_status.py",
        "src/orders/chassis/context.py",
        "src/orders/chassis/discovery/consul.py",
        "src/orders/chassis/gone.py",
    }
    assert "src/orders/chassis/gone.py" not in after
    other = files(workspace / "payment-gateways")
    assert [path for path in other if "consul" in path or "etcd" in path or "mtls" in path] == []
    assert contents(workspace) == shared

    lock = chassis.read_lock(workspace / "orders/chassis.lock")
    assert (lock.version, lock.parts) == ("1.10.0", ("consul",))
    written = {path: text for path, text in after.items() if "/chassis/" in path}
    assert lock.digests == {path: sha256(text).hexdigest() for path, text in written.items()}
    assert run().stdout == "orders: current\npayment-gateways: current\n"
    assert files(workspace / "orders") == after


def test_one_service_by_its_name(workspace: Path, run: Callable[..., Result]) -> None:
    before = files(workspace / "orders")
    assert run("payment-gateways").stdout == "payment-gateways: upgraded, 4 files\n"
    assert files(workspace / "orders") == before
    done = run("unknown")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "unknown is not registered" in done.stderr


def test_check_changes_nothing(workspace: Path, run: Callable[..., Result]) -> None:
    before = files(workspace)
    done = run("--check", "--json")
    assert done.exit_code == 1
    assert [service["state"] for service in json.loads(done.stdout)] == ["outdated"] * 2
    assert files(workspace) == before
    run()
    assert run("--check").exit_code == 0


@pytest.mark.parametrize("kind", ["edited", "deleted", "in the way"])
def test_a_service_with_an_edited_file_stays_as_it_is(
    workspace: Path, run: Callable[..., Result], kind: str
) -> None:
    name = "added.py" if kind == "in the way" else "context.py"
    path = workspace / "orders/src/orders/chassis" / name
    if kind == "deleted":
        path.unlink()
    else:
        path.write_text("OURS = True\n")
    before = files(workspace / "orders")
    done = run()
    assert done.exit_code == 1
    assert done.stdout == "payment-gateways: upgraded, 4 files\n"
    assert f"orders: src/orders/chassis/{name} was edited" in done.stderr
    assert files(workspace / "orders") == before

    assert run("--force").exit_code == 0
    assert path.read_bytes() == NEW.files[name]


def test_files_of_people_in_the_folder_stay(workspace: Path, run: Callable[..., Result]) -> None:
    path = workspace / "orders/src/orders/chassis/ours.py"
    path.write_text("OURS = True\n")
    assert run().exit_code == 0
    assert path.read_text() == "OURS = True\n"


def test_a_newer_chassis_stays(
    workspace: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    before = files(workspace)
    monkeypatch.setattr(upgrade, "__version__", "1.9.3")
    assert run("--force").stdout == "orders: newer\npayment-gateways: newer\n"
    assert files(workspace) == before


def test_a_killed_run_is_completed_by_the_next(workspace: Path, run: Callable[..., Result]) -> None:
    folder = workspace / "orders/src/orders/chassis"
    (folder / "context.py").write_bytes(NEW.files["context.py"])
    (folder / ".added.py.new").write_text("half")
    (folder / "gone.py").unlink()
    assert run().exit_code == 0
    assert not (folder / ".added.py.new").exists()
    assert run("--check").exit_code == 0


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        (None, "is missing"),
        ("version = ", "is broken"),
        ("# version: 1.9.0\n", "is broken"),
        ("# version: x\n# parts:\n", "is broken"),
        ("# version: 1.9.0\n# parts: A/B\n", "is broken"),
        ("# version: 1.9.0\n# parts:\n0  Makefile\n", "is broken"),
        (f"# version: 1.9.0\n# parts:\n{'0' * 64}  ../../x\n", "is broken"),
        (f"# version: 1.9.0\n# parts:\n{'0' * 64}  Makefile\n", "is not in src"),
    ],
)
def test_a_broken_lock_stops_its_service_only(
    workspace: Path, run: Callable[..., Result], lock: str | None, problem: str
) -> None:
    path = workspace / "orders/chassis.lock"
    path.unlink()
    if lock is not None:
        path.write_text(lock)
    before = files(workspace / "orders")
    done = run("--force")
    assert done.exit_code == 1
    assert done.stderr.startswith("orders: ")
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == "payment-gateways: upgraded, 4 files\n"
    assert files(workspace / "orders") == before


def test_a_link_is_not_followed(workspace: Path, run: Callable[..., Result]) -> None:
    path = workspace / "orders/src/orders/chassis/context.py"
    path.rename(workspace / "elsewhere.py")
    path.symlink_to(workspace / "elsewhere.py")
    assert run("--force").exit_code == 1
    assert (workspace / "elsewhere.py").read_bytes() == OLD["context.py"]
