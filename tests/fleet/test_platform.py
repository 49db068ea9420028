"""Shared infrastructure: installed with the first service that needs it, removed with the last."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import fleet
from fleet import FleetError, infrastructure, workspace
from fleet.infrastructure import Part
from tests.support.stubs import PARTS, contents, register, stub, unregister

STORE = ("consul",)


def say(path: Path) -> dict[str, Any]:
    """Return the services in a compose file or a registry."""
    said: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))["services"]
    return said


def derived(folder: Path) -> dict[str, Any]:
    """Return the derived containers."""
    return say(folder / "platform/compose.yaml")


def routes(folder: Path) -> list[str]:
    """Return the gateway's routes."""
    text = (folder / "platform/gateway/routes.conf").read_text()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_the_first_service_installs_what_it_needs(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders", needs=STORE))

    compose = derived(tmp_path)
    for name, container, port in (
        ("gateway", "workspace-gateway", 8080),
        ("identity", "workspace-identity", 9000),
        ("consul", "consul", 8500),
    ):
        part = infrastructure.available()[name]
        for file, content in part.files.items():
            assert (tmp_path / "platform" / file).read_bytes() == content
        assert compose[container] == {
            "extends": {"file": f"{name}.yaml", "service": container},
            "ports": [f"127.0.0.1:{port}:{port}"],
        }
    healthy = {"condition": "service_healthy"}
    assert compose["orders"]["depends_on"] == {"workspace-identity": healthy, "consul": healthy}
    assert compose["orders"]["environment"] == {
        "AUTH_ISSUER": "http://workspace-identity:9000",
        "AUTH_CLIENT_ID": "orders",
        "AUTH_CLIENT_SECRET": "development-only",
    }


def test_five_services_share_it(tmp_path: Path) -> None:
    roots = [stub(tmp_path, name) for name in ("a", "b", "c", "d", "e")]
    roots += [stub(tmp_path, name, needs=STORE) for name in ("f", "g")]
    for root in roots:
        register(tmp_path, root)
    once = contents(tmp_path)
    assert routes(tmp_path) == [f"/{name} http://{name}:8000;" for name in "abcdefg"]
    for root in reversed(roots):
        register(tmp_path, root)
    assert contents(tmp_path) == once

    for root in reversed(roots[1:]):
        unregister(tmp_path, root)
        assert ("consul" in derived(tmp_path)) is (root.name == "g")
        assert (tmp_path / "platform/consul.yaml").exists() is (root.name == "g")
        assert (tmp_path / "platform/gateway.yaml").exists()
    assert routes(tmp_path) == ["/a http://a:8000;"]
    unregister(tmp_path, roots[0])
    assert contents(tmp_path) == {}
    assert not (tmp_path / "platform").exists()


def test_a_part_no_longer_needed_is_removed(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders", needs=STORE))
    register(tmp_path, stub(tmp_path, "orders"))
    compose = derived(tmp_path)
    assert "consul" not in compose
    assert "consul" not in compose["orders"]["depends_on"]
    assert not [name for name in contents(tmp_path) if "consul" in name]


@pytest.mark.parametrize("name", PARTS)
def test_a_service_may_have_the_name_of_a_part(tmp_path: Path, name: str) -> None:
    register(tmp_path, stub(tmp_path, name))
    compose = derived(tmp_path)
    own = {"file": f"../{name}/compose.yaml", "service": name}
    assert compose[name]["extends"] == own
    assert compose[f"workspace-{name}"]["extends"]["file"] == f"{name}.yaml"


def test_a_service_may_not_take_a_shared_name(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders", needs=("workspace-gateway",))
    with pytest.raises(FleetError, match="workspace-gateway of orders is a name in the shared"):
        register(tmp_path, root)
    assert contents(tmp_path) == {}


def test_taken_ports_are_skipped_and_known_ones_stay(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text("services:\n  web:\n    ports: ['8080:80', '8081:81']\n")
    register(tmp_path, stub(tmp_path, "orders"))
    assert derived(tmp_path)["workspace-gateway"]["ports"] == ["127.0.0.1:8082:8080"]
    compose.write_text(compose.read_text().replace("'8080:80', '8081:81'", ""))
    register(tmp_path, stub(tmp_path, "stock"))
    assert derived(tmp_path)["workspace-gateway"]["ports"] == ["127.0.0.1:8082:8080"]
    override = tmp_path / "compose.override.yaml"
    override.write_text("services:\n  web:\n    ports: ['8082:80']\n")
    register(tmp_path, stub(tmp_path, "stock"))
    assert derived(tmp_path)["workspace-gateway"]["ports"] == ["127.0.0.1:8080:8080"]


def test_a_newer_tool_replaces_the_parts_and_leaves_no_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infrastructure, "__version__", "1.9.0")
    parts = infrastructure.available()
    dropped = {**parts["gateway"].files, "gateway/dropped": b"not in the new one\n"}
    old = Part("gateway", "workspace-gateway", dropped, 8080, "service_healthy")
    monkeypatch.setattr(workspace, "available", lambda: {**parts, "gateway": old})
    monkeypatch.setattr(infrastructure, "available", lambda: {**parts, "gateway": old})
    register(tmp_path, stub(tmp_path, "orders"))
    assert (tmp_path / "platform/gateway/dropped").exists()

    monkeypatch.setattr(infrastructure, "__version__", "1.10.0")
    monkeypatch.setattr(infrastructure, "available", lambda: parts)
    register(tmp_path, stub(tmp_path, "orders"))
    assert not (tmp_path / "platform/gateway/dropped").exists()
    after = contents(tmp_path)
    assert b'[parts.gateway]\nversion = "1.10.0"' in after["platform/fleet.lock"]

    monkeypatch.setattr(infrastructure, "__version__", "1.9.0")
    monkeypatch.setattr(infrastructure, "available", lambda: {**parts, "gateway": old})
    register(tmp_path, stub(tmp_path, "orders"))
    assert contents(tmp_path) == after


@pytest.mark.parametrize("name", ["gateway.yaml", "gateway/nginx.conf"])
def test_edited_files_are_kept(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    roots = [stub(tmp_path, "orders"), stub(tmp_path, "stock")]
    register(tmp_path, roots[0])
    changed = tmp_path / "platform" / name
    changed.write_text(changed.read_text() + "# mine\n")
    parts = {path: text for path, text in contents(tmp_path).items() if "gateway" in path}
    monkeypatch.setattr(infrastructure, "__version__", "1.3.0")
    done = workspace.register(tmp_path, roots[1])
    assert done.notes == [f"{changed} was edited, so it stays as it is"]
    after = contents(tmp_path)
    assert routes(tmp_path) == ["/orders http://orders:8000;", "/stock http://stock:8000;"]
    for path in parts.keys() - {"platform/gateway/routes.conf"}:
        assert after[path] == parts[path]
    assert (
        f'[parts.gateway]\nversion = "{fleet.__version__}"'.encode() in after["platform/fleet.lock"]
    )
    assert b'[parts.identity]\nversion = "1.3.0"' in after["platform/fleet.lock"]

    for root in roots:
        unregister(tmp_path, root)
    assert set(contents(tmp_path)) == parts.keys() - {"platform/gateway/routes.conf"}


def test_existing_containers_are_used(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    own = "services:\n  workspace-gateway: {image: ours}\n  workspace-identity: {image: ours}\n"
    compose.write_text(own)
    before = contents(tmp_path)
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    assert say(compose)["workspace-gateway"] == {"image": "ours"}
    waits = {"workspace-identity": {"condition": "service_started"}}
    assert derived(tmp_path)["orders"]["depends_on"] == waits
    assert "workspace-gateway" not in derived(tmp_path)
    assert not [name for name in contents(tmp_path) if "gateway" in name or "identity" in name]
    unregister(tmp_path, root)
    assert contents(tmp_path) == before


def test_a_container_under_the_name_of_a_part_replaces_it(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    compose = tmp_path / "compose.yaml"
    compose.write_text(compose.read_text() + "services:\n  workspace-gateway:\n    image: ours\n")
    register(tmp_path, root)
    assert not [name for name in contents(tmp_path) if "gateway" in name]
    unregister(tmp_path, root)
    assert say(compose) == {"workspace-gateway": {"image": "ours"}}


def test_other_files_in_platform_stay(tmp_path: Path) -> None:
    (tmp_path / "platform/gateway").mkdir(parents=True)
    (tmp_path / "platform/env").mkdir()
    (tmp_path / "platform/mine.yaml").write_text("mine\n")
    (tmp_path / "platform/env/mine.env").write_text("A=b\n")
    (tmp_path / "platform/gateway/certificate.pem").write_text("mine\n")
    before = contents(tmp_path)
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    unregister(tmp_path, root)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "text",
    [
        "parts = [",
        "parts = 1",
        '[parts.gateway]\nversion = "1"\n',
        '[parts.gateway]\nversion = "new"\n[parts.gateway.files]\n',
        '[parts.gateway]\nversion = "1"\n[parts.gateway.files]\n"../x" = "0123456789abcdef"\n',
        '[parts.gateway]\nversion = "1"\n[parts.gateway.files]\n"x" = "nothing"\n',
    ],
)
def test_a_broken_lock_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform/fleet.lock").write_text(text)
    before = contents(tmp_path)
    with pytest.raises(FleetError, match=r"fleet\.lock is broken"):
        register(tmp_path, stub(tmp_path, "orders"))
    assert contents(tmp_path) == before


def test_a_file_in_place_of_the_folder_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "platform").write_text("mine\n")
    before = contents(tmp_path)
    with pytest.raises(OSError, match="platform"):
        register(tmp_path, stub(tmp_path, "orders"))
    assert contents(tmp_path) == before


def test_contracts_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/orders.stock.json").write_text("{}")
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    unregister(tmp_path, root)
    assert (tmp_path / "contracts/orders.stock.json").read_text() == "{}"


def test_names_that_are_invalid_hosts_get_no_route(tmp_path: Path) -> None:
    registry = tmp_path / "services.yaml"
    registry.write_text("services:\n  'x; }':\n    path: x\n  old:\n    path: old\n")
    register(tmp_path, stub(tmp_path, "orders"))
    assert routes(tmp_path) == ["/old http://old:8000;", "/orders http://orders:8000;"]


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    before = contents(tmp_path)
    (tmp_path / "platform/gateway/.nginx.conf.new").write_text("half")
    (tmp_path / "platform/store/deep").mkdir(parents=True)
    (tmp_path / "platform/store/deep/.settings.new").write_text("half")
    register(tmp_path, root)
    assert contents(tmp_path) == before
    assert not (tmp_path / "platform/store").exists()


def test_empty_folders_of_other_people_stay(tmp_path: Path) -> None:
    """They may be mount points."""
    empty = tmp_path / "platform/grafana/data"
    empty.mkdir(parents=True)
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    unregister(tmp_path, root)
    assert contents(tmp_path) == {}
    assert [path for path in (tmp_path / "platform").rglob("*") if path != empty.parent] == [empty]
