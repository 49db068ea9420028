"""Workspaces that services of version 0.1.0 registered themselves in, by scripts of their own."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet import FleetError, workspace
from tests.support.killing import forked, put_back
from tests.support.stubs import contents, register, unregister

# Made by the scripts of the commit before the fleet tool: `before` is what people had written, and
# `people` and `ours` are workspaces with and without that after two services were registered.
OLD = Path(__file__).parent / "old"


@pytest.fixture(params=["people", "ours"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A workspace of before."""
    shutil.copytree(OLD / "people", tmp_path, dirs_exist_ok=True)
    if request.param == "ours":
        shutil.copytree(OLD / "ours", tmp_path, dirs_exist_ok=True)
    return tmp_path


def say(path: Path) -> dict[str, Any]:
    """What a file says."""
    said: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return said


def edit(path: Path, before: str, after: str) -> None:
    """Replace the first place where a text occurs."""
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))


def people(folder: Path) -> dict[str, bytes]:
    """What people had written in this workspace."""
    own = b"web" in (folder / "compose.yaml").read_bytes()
    return contents(OLD / "before") if own else {}


def test_it_becomes_what_registration_makes_now(old: Path, tmp_path_factory: Any) -> None:
    fresh = tmp_path_factory.mktemp("fresh")
    for name, content in people(old).items():
        (fresh / name).write_bytes(content)
    for name in ("orders", "payments"):
        shutil.copytree(old / name, fresh / name)
        register(fresh, fresh / name)

    done = workspace.register(old, old / "payments")

    assert (done.ports, done.notes) == ({"http": 8002}, [])
    assert contents(old) == contents(fresh)


def test_twice_is_the_same_and_leaving_restores_what_people_wrote(old: Path) -> None:
    before = people(old)
    register(old, old / "orders")
    once = contents(old)
    register(old, old / "payments")
    assert contents(old) == once
    for name in ("orders", "payments"):
        unregister(old, old / name)
    assert contents(old) == before
    assert not (old / "platform").exists()


def test_a_service_can_leave_at_once(old: Path) -> None:
    before = people(old)
    for name in ("payments", "orders"):
        unregister(old, old / name)
    assert contents(old) == before


def test_ports_stay(old: Path) -> None:
    edit(old / "services.yaml", "{http: 8001}", "{http: 9100}")
    edit(old / "compose.yaml", "127.0.0.1:8001:", "127.0.0.1:9100:")
    edit(old / "compose.yaml", ":8500:", ":8599:")
    register(old, old / "payments")
    services = say(old / "platform/compose.yaml")["services"]
    assert services["orders"]["ports"] == ["127.0.0.1:9100:8000"]
    assert services["consul"]["ports"] == ["127.0.0.1:8599:8500"]
    assert not (old / "compose.override.yaml").exists()


ADDED = """\
    restart: always
    environment:
      AUTH_ISSUER: http://identity:9000
      AUTH_CLIENT_ID: orders
      AUTH_CLIENT_SECRET: development-only
      LOG_LEVEL: DEBUG
      HTTP_PROXY:
    depends_on:
      consul: {condition: service_healthy}
      identity: {condition: service_healthy}
      web: {condition: service_started}
    ports: ['127.0.0.1:8001:8000', '5678:5678']
    mem_limit: 512000000
"""
KEPT = {
    "services": {
        "orders": {
            "restart": "always",
            "environment": {"LOG_LEVEL": "DEBUG", "HTTP_PROXY": None},
            "depends_on": {"web": {"condition": "service_started"}},
            "ports": ["5678:5678"],
            "mem_limit": 512000000,
        },
        "workspace-gateway": {"cpus": 0.5},
    },
    "volumes": {"orders-db": {"external": True}},
}


def add(folder: Path) -> None:
    """Add keys to entries, as people do."""
    compose = folder / "compose.yaml"
    head, _, rest = compose.read_text().partition("  orders:\n")
    extends, _, rest = rest.partition("\n")
    rest = "  orders-migrate:" + rest.partition("  orders-migrate:")[2]
    compose.write_text(f"{head}  orders:\n{extends}\n{ADDED}{rest}")
    edit(compose, "  gateway:\n", "  gateway:\n    cpus: 0.5\n")
    edit(compose, "orders-db: {}", "orders-db: {external: true}")


def test_what_people_added_to_entries_moves_to_the_override(old: Path) -> None:
    before = people(old)
    add(old)
    register(old, old / "payments")
    assert say(old / "compose.override.yaml") == KEPT
    once = contents(old)
    register(old, old / "orders")
    assert contents(old) == once
    for name in ("orders", "payments"):
        unregister(old, old / name)
    assert contents(old).keys() - {"compose.override.yaml"} == before.keys()


def test_an_override_that_is_there_is_never_edited(old: Path) -> None:
    add(old)
    override = old / "compose.override.yaml"
    override.write_text("services:\n  web: {tty: true}\n")
    before = contents(old)
    with pytest.raises(FleetError, match="add these lines and run again") as refusal:
        register(old, old / "payments")
    assert contents(old) == before

    lines = str(refusal.value).partition("again:\n")[2]
    assert yaml.safe_load(lines) == KEPT
    override.write_text(lines.replace("services:\n", "services:\n  web: {tty: true}\n", 1))
    text = override.read_bytes()
    register(old, old / "payments")
    assert override.read_bytes() == text
    assert "orders" not in say(old / "compose.yaml").get("services", {})


@pytest.mark.parametrize("said", ["logging: *log", "labels: !reset {A: b}", "labels: {<<: *log}"])
def test_what_would_be_lost_elsewhere_is_refused(old: Path, said: str) -> None:
    compose = old / "compose.yaml"
    compose.write_text("x-log: &log {driver: local}\n" + compose.read_text())
    edit(compose, "  payments:\n", f"  payments:\n    {said}\n")
    before = contents(old)
    key = said.partition(":")[0]
    with pytest.raises(FleetError, match=rf"compose\.yaml:\d+: move services\.payments\.{key} to"):
        register(old, old / "orders")
    assert contents(old) == before


def test_an_override_of_a_renamed_part_is_refused(old: Path) -> None:
    (old / "compose.override.yaml").write_text("services:\n  gateway: {tty: true}\n")
    before = contents(old)
    with pytest.raises(FleetError, match=r"override\.yaml:2: rename gateway to workspace-gateway"):
        register(old, old / "orders")
    assert contents(old) == before


@pytest.mark.parametrize("file", ["gateway.yaml", "gateway/nginx.conf"])
def test_an_edited_part_stays_and_still_runs(old: Path, file: str) -> None:
    path = old / "platform" / file
    path.write_text(path.read_text() + "# mine\n")
    done = workspace.register(old, old / "orders")
    assert done.notes == [f"{path} was edited, so it stays as it is"]
    assert path.read_text().endswith("# mine\n")
    services = say(old / "platform/compose.yaml")["services"]
    extended = services["gateway"]["extends"]
    assert extended == {"file": "gateway.yaml", "service": "gateway"}
    assert "gateway" in say(old / "platform/gateway.yaml")["services"]
    assert services["workspace-identity"]["extends"]["service"] == "workspace-identity"


def test_a_record_in_another_form_is_refused(old: Path) -> None:
    edit(old / "services.yaml", "consul.yaml: c16", "../consul.yaml: c16")
    before = contents(old)
    with pytest.raises(FleetError, match=r"services\.yaml:\d+: remove consul"):
        register(old, old / "orders")
    assert contents(old) == before


def test_a_key_platform_that_people_wrote_stays(old: Path) -> None:
    registry = old / "services.yaml"
    text = registry.read_text().partition("platform:")[0]
    registry.write_text(text + "platform: kubernetes\n")
    register(old, old / "orders")
    assert registry.read_text().endswith("platform: kubernetes\n")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_killed_between_any_two_steps_the_next_run_finishes_it(tmp_path: Path) -> None:
    shutil.copytree(OLD / "people", tmp_path, dirs_exist_ok=True)
    add(tmp_path)
    old, steps = contents(tmp_path), 0
    register(tmp_path, tmp_path / "orders")
    new = contents(tmp_path)
    while True:
        put_back(tmp_path, old)
        if forked(lambda: register(tmp_path, tmp_path / "orders"), steps):
            break
        steps += 1
        register(tmp_path, tmp_path / "orders")
        assert contents(tmp_path) == new
    assert steps > 12
