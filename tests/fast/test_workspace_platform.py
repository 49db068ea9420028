"""What services have in common comes with the first that needs it, once, and goes with the last."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stubs import PARTS, contents, stub, workspace_script

script = workspace_script()

STORE = {**PARTS, "store": 8500}
CREDENTIALS = {
    "AUTH_ISSUER": "http://identity:9000",
    "AUTH_CLIENT_ID": "orders",
    "AUTH_CLIENT_SECRET": "development-only",
}


def say(path: Path) -> dict[str, Any]:
    """What a shared file says about services."""
    said: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))["services"]
    return said


def routes(workspace: Path) -> list[str]:
    """The gateway's routes."""
    text = (workspace / "platform/gateway/routes.conf").read_text()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_the_first_service_brings_what_it_needs(tmp_path: Path) -> None:
    script.register(tmp_path, stub(tmp_path, "orders", parts=STORE))

    compose = say(tmp_path / "compose.yaml")
    for part, port in STORE.items():
        source = tmp_path / "orders/deploy/workspace"
        for file in (f"{part}.yaml", f"{part}/settings"):
            assert (tmp_path / "platform" / file).read_bytes() == (source / file).read_bytes()
        assert compose[part] == {
            "extends": {"file": f"platform/{part}.yaml", "service": part},
            "ports": [f"127.0.0.1:{port}:{port}"],
        }
    healthy = {"condition": "service_healthy"}
    assert compose["orders"]["depends_on"] == {"identity": healthy, "store": healthy}
    assert compose["orders"]["environment"] == CREDENTIALS
    needs = say(tmp_path / "services.yaml")["orders"]["needs"]
    assert needs == ["gateway", "identity", "store"]


def test_five_services_share_it(tmp_path: Path) -> None:
    roots = [stub(tmp_path, name) for name in ("a", "b", "c", "d", "e")]
    roots += [stub(tmp_path, name, parts=STORE) for name in ("f", "g")]
    for root in roots:
        script.register(tmp_path, root)
    once = contents(tmp_path)
    assert routes(tmp_path) == [f"/{name} http://{name}:8000;" for name in "abcdefg"]
    for root in reversed(roots):
        script.register(tmp_path, root)
    assert contents(tmp_path) == once

    for root in reversed(roots[1:]):
        script.unregister(tmp_path, root)
        assert ("store" in say(tmp_path / "compose.yaml")) is (root.name == "g")
        assert (tmp_path / "platform/gateway.yaml").exists()
    assert routes(tmp_path) == ["/a http://a:8000;"]
    script.unregister(tmp_path, roots[0])
    assert contents(tmp_path) == {}
    assert not (tmp_path / "platform").exists()


def test_a_part_no_longer_needed_goes(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders", parts=STORE)
    script.register(tmp_path, root)
    (root / "deploy/workspace/store.yaml").unlink()
    script.register(tmp_path, root)
    compose = say(tmp_path / "compose.yaml")
    assert "store" not in compose
    assert "store" not in compose["orders"]["depends_on"]
    assert not [name for name in contents(tmp_path) if "store" in name]


def test_taken_ports_are_skipped_and_given_ones_stay(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text("services:\n  web:\n    ports: ['8080:80', '8081:81']\n")
    root = stub(tmp_path, "orders")
    script.register(tmp_path, root)
    assert say(compose)["gateway"]["ports"] == ["127.0.0.1:8082:8080"]
    compose.write_text(compose.read_text().replace("127.0.0.1:8082:", "80:"))
    script.register(tmp_path, root)
    script.register(tmp_path, stub(tmp_path, "stock"))
    assert say(compose)["gateway"]["ports"] == ["80:8080"]


def test_the_newest_template_wins_whoever_comes_last(tmp_path: Path) -> None:
    old, new = stub(tmp_path, "old", "1.9.0"), stub(tmp_path, "new", "1.10.0")
    (old / "deploy/workspace/gateway/dropped").write_text("not in the new one\n")
    script.register(tmp_path, old)
    script.register(tmp_path, new)
    platform = tmp_path / "platform"
    assert (platform / "gateway/settings").read_text() == "settings of gateway 1.10.0\n"
    assert not (platform / "gateway/dropped").exists()
    after = contents(tmp_path)
    script.register(tmp_path, old)
    assert contents(tmp_path) == after


@pytest.mark.parametrize("name", ["gateway.yaml", "gateway/settings"])
def test_what_people_changed_is_theirs(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = [stub(tmp_path, "orders"), stub(tmp_path, "stock", "1.3.0")]
    script.register(tmp_path, roots[0])
    changed = tmp_path / "platform" / name
    changed.write_text(changed.read_text() + "# mine\n")
    parts = {path: text for path, text in contents(tmp_path).items() if "gateway" in path}
    script.register(tmp_path, roots[1])
    assert f"{changed} is not as registration left it" in capsys.readouterr().err
    after = contents(tmp_path)
    assert routes(tmp_path) == ["/orders http://orders:8000;", "/stock http://stock:8000;"]
    for path in parts.keys() - {"platform/gateway/routes.conf"}:
        assert after[path] == parts[path]
    assert b"1.3.0" in after["platform/identity.yaml"]

    for root in roots:
        script.unregister(tmp_path, root)
    assert set(contents(tmp_path)) == parts.keys()


def test_what_people_run_themselves_is_used(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text("services:\n  gateway:\n    image: ours\n  identity:\n    image: ours\n")
    before = contents(tmp_path)
    root = stub(tmp_path, "orders")
    script.register(tmp_path, root)
    assert say(compose)["gateway"] == say(compose)["identity"] == {"image": "ours"}
    assert say(compose)["orders"]["depends_on"] == {"identity": {"condition": "service_started"}}
    assert set(contents(tmp_path)) == {"compose.yaml", "services.yaml", "catalog-info.yaml"}
    script.unregister(tmp_path, root)
    assert contents(tmp_path) == before


def test_what_people_put_in_a_parts_place_replaces_it(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    script.register(tmp_path, root)
    compose = tmp_path / "compose.yaml"
    own = "  gateway:\n    image: ours\n"
    head, _, rest = compose.read_text().partition("  gateway:\n")
    compose.write_text(head + own + rest[rest.index("  identity:") :])
    script.register(tmp_path, root)
    assert say(compose)["gateway"] == {"image": "ours"}
    assert not [name for name in contents(tmp_path) if "gateway" in name]
    script.unregister(tmp_path, root)
    assert set(contents(tmp_path)) == {"compose.yaml"}
    assert compose.read_text().endswith("services:\n" + own)


def test_other_files_in_platform_stay(tmp_path: Path) -> None:
    (tmp_path / "platform/gateway").mkdir(parents=True)
    (tmp_path / "platform/mine.yaml").write_text("mine\n")
    (tmp_path / "platform/gateway/certificate.pem").write_text("mine\n")
    before = contents(tmp_path)
    root = stub(tmp_path, "orders")
    script.register(tmp_path, root)
    script.unregister(tmp_path, root)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("environment", "behind"),
    [
        ("{AUTH_CLIENT_ID: old, LOG_LEVEL: DEBUG}", "{cache: {condition: service_started}}"),
        ("[AUTH_CLIENT_ID=old, LOG_LEVEL=DEBUG]", "[cache]"),
    ],
)
def test_hand_written_variables_and_dependencies_stay(
    tmp_path: Path, environment: str, behind: str
) -> None:
    script.register(tmp_path, stub(tmp_path, "orders", parts={}))
    compose = tmp_path / "compose.yaml"
    said = f"    environment: {environment}\n    depends_on: {behind}\n    ports:"
    compose.write_text(compose.read_text().replace("    ports:", said, 1))
    shutil.rmtree(tmp_path / "orders")
    script.register(tmp_path, stub(tmp_path, "orders"))
    entry = say(compose)["orders"]
    assert entry["environment"] == {"LOG_LEVEL": "DEBUG", **CREDENTIALS}
    assert entry["depends_on"] == {
        "cache": {"condition": "service_started"},
        "identity": {"condition": "service_healthy"},
    }


def test_kept_entries_are_extended(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    script.register(tmp_path, root)
    compose = tmp_path / "compose.yaml"
    text = compose.read_text()
    text = text.replace(
        "    environment:\n", "    environment:\n      LOG_LEVEL: DEBUG # ours\n", 1
    )
    text = text.replace("    depends_on:\n", "    depends_on:\n      web: {}\n", 1)
    compose.write_text(text)
    script.register(tmp_path, root)
    assert compose.read_text() == text


IN_BLOCKS = """\
    environment: # ours
      <<: *common
      LOG_LEVEL: *level
      AUTH_CLIENT_ID: old # not ours
      # from the shell
      HTTP_PROXY:
    depends_on:
      # first
      cache: *level
"""


def test_what_is_beside_ours_in_a_block_stays_as_it_is(tmp_path: Path) -> None:
    script.register(tmp_path, stub(tmp_path, "orders", parts={}))
    compose = tmp_path / "compose.yaml"
    text = compose.read_text().replace("    ports:", IN_BLOCKS + "    ports:", 1)
    compose.write_text("x-level: &level DEBUG\nx-common: &common {A: b}\n" + text)
    shutil.rmtree(tmp_path / "orders")
    script.register(tmp_path, stub(tmp_path, "orders"))
    after = compose.read_text().splitlines()
    changed = [line.replace("ID: old", "ID: orders") for line in IN_BLOCKS.splitlines()]
    assert [line for line in after if line in changed] == changed
    assert say(compose)["orders"]["environment"] == {
        **CREDENTIALS,
        "A": "b",
        "LOG_LEVEL": "DEBUG",
        "HTTP_PROXY": None,
    }
    assert list(say(compose)["orders"]["depends_on"]) == ["cache", "identity"]


@pytest.mark.parametrize(
    "said",
    [
        "environment: *common",
        "environment: {<<: *common}",
        "environment: {A: *level}",
        "environment: {A: }",
        "environment: !reset {A: b}",
        "environment: {A: !reset b}",
        "depends_on: *names",
        "depends_on: [*level]",
    ],
)
def test_what_would_be_lost_is_refused(tmp_path: Path, said: str) -> None:
    script.register(tmp_path, stub(tmp_path, "orders", parts={}))
    compose = tmp_path / "compose.yaml"
    text = compose.read_text().replace("    ports:", f"    {said}\n    ports:", 1)
    anchors = "x-level: &level DEBUG\nx-common: &common {A: b}\nx-names: &names [a]\n"
    compose.write_text(anchors + text)
    shutil.rmtree(tmp_path / "orders")
    root = stub(tmp_path, "orders")
    before = contents(tmp_path)
    key = said.partition(":")[0]
    with pytest.raises(script.EditError, match=rf"compose\.yaml:\d+: write {key} out"):
        script.register(tmp_path, root)
    assert contents(tmp_path) == before


def test_a_variable_from_the_shell_stays_one(tmp_path: Path) -> None:
    script.register(tmp_path, stub(tmp_path, "orders", parts={}))
    compose = tmp_path / "compose.yaml"
    said = "    environment: [HTTP_PROXY, EMPTY=]\n    ports:"
    compose.write_text(compose.read_text().replace("    ports:", said, 1))
    shutil.rmtree(tmp_path / "orders")
    script.register(tmp_path, stub(tmp_path, "orders"))
    expected = {"HTTP_PROXY": None, "EMPTY": "", **CREDENTIALS}
    assert say(compose)["orders"]["environment"] == expected


def test_a_record_that_is_none_is_told(tmp_path: Path) -> None:
    registry = tmp_path / "services.yaml"
    registry.write_text("services:\nplatform: kubernetes\n")
    with pytest.raises(script.EditError, match=r"services\.yaml:2: write platform as"):
        script.register(tmp_path, stub(tmp_path, "orders"))


def test_a_file_in_place_of_the_folder_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "platform").write_text("mine\n")
    before = contents(tmp_path)
    with pytest.raises(OSError, match="platform"):
        script.register(tmp_path, stub(tmp_path, "orders"))
    assert contents(tmp_path) == before


def test_contracts_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/orders.stock.json").write_text("{}")
    root = stub(tmp_path, "orders")
    script.register(tmp_path, root)
    script.unregister(tmp_path, root)
    assert (tmp_path / "contracts/orders.stock.json").read_text() == "{}"


def test_names_that_can_be_no_hosts_get_no_route(tmp_path: Path) -> None:
    registry = tmp_path / "services.yaml"
    registry.write_text("services:\n  'x; }':\n    path: x\n  old:\n    path: old\n")
    script.register(tmp_path, stub(tmp_path, "orders"))
    assert routes(tmp_path) == ["/old http://old:8000;", "/orders http://orders:8000;"]


def test_what_a_killed_run_left_is_swept_up(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    script.register(tmp_path, root)
    before = contents(tmp_path)
    (tmp_path / "platform/gateway/.settings.new").write_text("half")
    (tmp_path / "platform/store/deep").mkdir(parents=True)
    (tmp_path / "platform/store/deep/.settings.new").write_text("half")
    script.register(tmp_path, root)
    assert contents(tmp_path) == before
    assert not (tmp_path / "platform/store").exists()


def test_empty_folders_of_other_people_stay(tmp_path: Path) -> None:
    """Something may be mounted there."""
    empty = tmp_path / "platform/grafana/data"
    empty.mkdir(parents=True)
    root = stub(tmp_path, "orders")
    script.register(tmp_path, root)
    script.unregister(tmp_path, root)
    assert contents(tmp_path) == {}
    assert [path for path in (tmp_path / "platform").rglob("*") if path != empty.parent] == [empty]
