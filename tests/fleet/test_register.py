"""Registration is idempotent and reversible, keeps ports, and changes nothing else."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet import FleetError, workspace
from tests.support.stubs import contents, register, stub, unregister


def say(path: Path) -> dict[str, Any]:
    """Return the content of a shared file."""
    said: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return said


def put(workspace: Path, files: dict[str, str | bytes]) -> None:
    """Write the workspace's hand-written files."""
    for name, text in files.items():
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def variables(workspace: Path, name: str) -> dict[str, str]:
    """Return the variables that `make run` of a service reads."""
    lines = (workspace / f"platform/env/{name}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_entries_match_the_interface(tmp_path: Path) -> None:
    assert register(tmp_path, stub(tmp_path, "orders")) == {"http": 8001}
    assert (
        (tmp_path / "services.yaml")
        .read_text()
        .endswith(
            "services:\n"
            "  orders:\n"
            "    path: orders\n"
            "    owner: platform-team\n"
            "    description: 'The orders service: what it''s for'\n"
            "    ports: {http: 8001}\n"
            "    api: {openapi: orders/openapi.json}\n"
            "    depends_on: [inventory]\n"
            "    publishes: []\n"
            "    consumes: []\n"
            "    template: {version: 1.2.0}\n"
        )
    )
    assert say(tmp_path / "compose.yaml") == {"include": ["platform/compose.yaml"]}
    derived = say(tmp_path / "platform/compose.yaml")
    own = {"file": "../orders/compose.yaml"}
    assert derived["services"]["orders"]["extends"] == {**own, "service": "orders"}
    assert derived["services"]["orders"]["ports"] == ["127.0.0.1:8001:8000"]
    for name in ("orders-migrate", "orders-db"):
        assert derived["services"][name] == {"extends": {**own, "service": name}}
    assert derived["volumes"] == {"orders-db": {}}
    location = say(tmp_path / "catalog-info.yaml")
    assert location["kind"] == "Location"
    assert location["spec"] == {"targets": ["./orders/catalog-info.yaml"]}


def test_a_grpc_port_and_events_are_registered_if_the_service_has_them(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    catalog = root / "catalog-info.yaml"
    events = "cookiecutter-flask-microservice/publishes: order-created,order-deleted\n    "
    catalog.write_text(catalog.read_text().replace("cookie", events + "cookie", 1))
    compose = root / "compose.yaml"
    compose.write_text(compose.read_text().replace('["8000"]', '["8000", "50051"]'))
    assert register(tmp_path, root) == {"http": 8001, "grpc": 50061}
    entry = say(tmp_path / "services.yaml")["services"]["orders"]
    assert entry["publishes"] == ["order-created", "order-deleted"]
    ports = say(tmp_path / "platform/compose.yaml")["services"]["orders"]["ports"]
    assert ports == ["127.0.0.1:8001:8000", "127.0.0.1:50061:50051"]


def test_five_services_twice_are_byte_identical(tmp_path: Path) -> None:
    roots = [stub(tmp_path, name) for name in ("a", "b", "c", "d", "e")]
    for root in roots:
        register(tmp_path, root)
    once = contents(tmp_path)
    for root in reversed(roots):
        register(tmp_path, root)
    assert contents(tmp_path) == once


def test_fifty_services_have_distinct_ports_that_never_move(tmp_path: Path) -> None:
    roots = [stub(tmp_path, f"s{number}") for number in range(50)]
    for root in roots:
        (root / "compose.yaml").write_text(f"services: {{{root.name}: {{expose: [8000]}}}}\n")
    ports = [register(tmp_path, root)["http"] for root in roots]
    assert ports == list(range(8001, 8051))
    unregister(tmp_path, roots[20])
    assert register(tmp_path, stub(tmp_path, "late")) == {"http": 8021}
    for number in (0, 19, 21, 49):
        assert variables(tmp_path, f"s{number}")["PORT"] == str(ports[number])


def test_published_ports_are_skipped(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "services.yaml": "services:\n  old: {path: elsewhere, ports: {http: 8001}}\n",
            "compose.override.yaml": "services:\n  a:\n    ports: ['8009:80']\n",
            "compose.yaml": """\
x-ports: &ports ["8002:80", "127.0.0.1:8003:80/tcp"]
services:
  a:
    ports: *ports
  b:
    ports:
      - "8004-8005:1-2"
      - 8006:80
      - target: 80
        published: "8007"
      - "${B_PORT:-8008}:80"
      - "9000"
""",
        },
    )
    with pytest.raises(FleetError, match=r"services\.yaml:2: old is here"):
        register(tmp_path, stub(tmp_path, "old"))
    assert register(tmp_path, stub(tmp_path, "orders")) == {"http": 8010}


def test_a_port_given_by_hand_stays_and_reaches_compose(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    registry = tmp_path / "services.yaml"
    registry.write_text(registry.read_text().replace("{http: 8001}", "{http: 9100, debug: 5678}"))
    assert register(tmp_path, root) == {"http": 9100, "debug": 5678}
    assert say(registry)["services"]["orders"]["ports"] == {"http": 9100, "debug": 5678}
    compose = say(tmp_path / "platform/compose.yaml")
    assert compose["services"]["orders"]["ports"] == ["127.0.0.1:9100:8000"]
    assert variables(tmp_path, "orders")["PORT"] == "9100"


def test_a_lost_registry_is_made_again_from_the_derived_file(tmp_path: Path) -> None:
    roots = [stub(tmp_path, name) for name in ("a", "b", "c")]
    for root in roots:
        register(tmp_path, root)
    before = say(tmp_path / "services.yaml")
    (tmp_path / "services.yaml").unlink()
    assert register(tmp_path, roots[2]) == {"http": 8003}
    assert say(tmp_path / "services.yaml") == before


def test_registered_peers_are_found_on_this_machine(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    catalog = root / "catalog-info.yaml"
    peer = "    - component:default/payment-gateways\n"
    catalog.write_text(catalog.read_text().replace("---", peer + "---", 1))
    register(tmp_path, root)
    assert variables(tmp_path, "orders") == {"PORT": "8001"}
    register(tmp_path, stub(tmp_path, "payment-gateways"))
    found = {"PORT": "8001", "PAYMENT_GATEWAYS_URL": "http://127.0.0.1:8002"}
    assert variables(tmp_path, "orders") == found
    unregister(tmp_path, tmp_path / "payment-gateways")
    assert variables(tmp_path, "orders") == {"PORT": "8001"}
    assert not (tmp_path / "platform/env/payment-gateways.env").exists()


def test_paths_lead_from_a_workspace_further_up(tmp_path: Path) -> None:
    root = stub(tmp_path / "team", "orders")
    register(tmp_path, root)
    files = contents(tmp_path)
    text = b"".join(files[name] for name in files if name.endswith(".yaml")).decode()
    assert "path: team/orders\n" in text
    assert "api: {openapi: team/orders/openapi.json}\n" in text
    assert "extends: {file: ../team/orders/compose.yaml, service: orders}\n" in text
    assert "    - ./team/orders/catalog-info.yaml\n" in text
    unregister(tmp_path, root)
    assert contents(tmp_path) == {}


def test_changes_of_the_service_are_applied(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    registry = tmp_path / "services.yaml"
    registry.write_text(
        registry.read_text()
        .replace("    path:", "    # ours\n    tier: 1 # of 3\n    path:")
        .replace("1.2.0}", "1.2.0} # pinned by us")
    )
    catalog = root / "catalog-info.yaml"
    catalog.write_text(catalog.read_text().replace("1.2.0", "1.3.0"))
    own = root / "compose.yaml"
    own.write_text(own.read_text().replace("orders-migrate", "orders-worker"))
    register(tmp_path, root)
    assert "    # ours\n    tier: 1 # of 3\n    path: orders\n" in registry.read_text()
    assert "    template: {version: 1.3.0} # pinned by us\n" in registry.read_text()
    services = say(tmp_path / "platform/compose.yaml")["services"]
    shared = ["workspace-gateway", "workspace-identity"]
    assert list(services) == ["orders", "orders-worker", "orders-db", *shared]
    unregister(tmp_path, root)
    assert contents(tmp_path) == {}


def test_changes_of_another_service_are_applied_too(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    own = root / "compose.yaml"
    own.write_text(own.read_text().replace("orders-migrate", "orders-worker"))
    register(tmp_path, stub(tmp_path, "stock"))
    assert "orders-worker" in say(tmp_path / "platform/compose.yaml")["services"]


def test_people_may_add_to_the_files_that_begin_with_a_header(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    compose = tmp_path / "compose.yaml"
    compose.write_text(compose.read_text() + "services:\n  web: {image: nginx}\n")
    override = tmp_path / "compose.override.yaml"
    override.write_text("services:\n  orders: {restart: always}\n")
    register(tmp_path, root)
    assert say(compose)["include"] == ["platform/compose.yaml"]
    unregister(tmp_path, root)
    assert set(contents(tmp_path)) == {"compose.yaml", "compose.override.yaml"}
    assert say(compose) == {"services": {"web": {"image": "nginx"}}}
    assert override.read_text() == "services:\n  orders: {restart: always}\n"


def test_an_include_that_people_wrote_stays(tmp_path: Path) -> None:
    text = "include:\n  # all of it\n  - platform/compose.yaml\n  - path: more.yaml\n"
    put(tmp_path, {"compose.yaml": text})
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    unregister(tmp_path, root)
    assert contents(tmp_path) == {"compose.yaml": text.encode()}


HAND_WRITTEN: dict[str, dict[str, str | bytes]] = {
    "nothing": {},
    "empty files": {"compose.yaml": "", "services.yaml": ""},
    "only comments": {"compose.yaml": "# mine\n\n# still mine\n", "services.yaml": "# mine"},
    "no services": {"compose.yaml": "name: shop\n", "services.yaml": "version: 1\n"},
    "null sections": {
        "compose.yaml": "services:\nvolumes: # none\n\nnetworks:\n  a: {}\n",
        "services.yaml": "services:",
    },
    "a comment in a null section": {"services.yaml": "services:\n  # none yet\n\n# the end\n"},
    "other services": {
        "compose.yaml": (
            "name: shop\n\nservices:\n\n  # the door\n  web:\n    image: 'nginx'   # pinned?\n"
            '    ports: [ "80:80" ]\n    # environment: {}\n\n  cache: {image: redis}\n'
            "  # the end of services\n\n\nnetworks: {}\n"
        )
    },
    "four spaces": {
        "compose.yaml": "services:\n    web:\n        image: nginx\nvolumes:\n    web-data:\n",
        "catalog-info.yaml": "kind: Location\nspec:\n    targets:\n    - ./a.yaml\n",
    },
    "anchors, merge keys and tags": {
        "compose.yaml": (
            "x-base: &base\n  restart: always\n  logging: &log {driver: local}\nservices:\n"
            "  web:\n    <<: *base\n    image: nginx\n    command: !reset null\n    logging: *log\n"
        )
    },
    "block scalars": {
        "compose.yaml": "services:\n  web:\n    command: |+\n      a\n\n      b\n\n\nx-a: >-\n  folded\n  text\n",
        "services.yaml": "about: |\n  text\n\n# end\n",
    },
    "services last, no newline": {
        "compose.yaml": "volumes:\n  v:\nservices:\n  web:\n    image: a"
    },
    "carriage returns": {
        "compose.yaml": "services:\r\n  web:\r\n    image: a\r\n",
        "services.yaml": "# c\r\nservices:",
    },
    "byte order mark": {"compose.yaml": "\ufeffservices:\n  web: {image: a}\n"},
    "document marks": {"compose.yaml": "---\nservices:\n  web:\n    image: a\n...\n"},
    "tabs and odd spacing in comments": {
        "compose.yaml": "services:  \n  web: # \ta\n    image:   a \n"
    },
    "unicode": {"services.yaml": "# Größe → 大\nservices:\n  café:\n    path: 'café'\n"},
    "targets of others": {
        "catalog-info.yaml": (
            "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: all}\nspec:\n"
            "  targets:\n  # first\n  - ./a/catalog-info.yaml   # ours\n  # last\n  type: file\n"
        )
    },
    "no targets yet": {"catalog-info.yaml": "kind: Location\nspec:\n  type: file\n  targets:\n"},
    "an include": {"compose.yaml": "include:\n- more.yaml # ours\n\nname: shop\n"},
    "an empty include": {"compose.yaml": "include:\nservices:\n  web: {image: a}\n"},
    "services in braces": {"compose.yaml": "services: {web: {image: a}}\n"},
    "a quoted key": {"compose.yaml": '"services":\n  "web":\n    "image": "a"\n'},
}


@pytest.mark.parametrize("files", HAND_WRITTEN.values(), ids=HAND_WRITTEN)
@pytest.mark.parametrize("turn", [1, -1], ids=["first out first", "last out first"])
def test_unregistering_restores_the_bytes(
    tmp_path: Path, files: dict[str, str | bytes], turn: int
) -> None:
    put(tmp_path, files)
    before = contents(tmp_path)
    roots = [stub(tmp_path, name) for name in ("orders", "payments", "stock")]
    for root in roots:
        register(tmp_path, root)
    registered = contents(tmp_path)
    for root in roots:
        register(tmp_path, root)
    assert contents(tmp_path) == registered
    for name, text in before.items():
        rest = iter(registered[name].splitlines())
        assert all(line in rest for line in text.splitlines()), f"{name} lost lines"
    for root in roots[::turn]:
        unregister(tmp_path, root)
    assert contents(tmp_path) == before


REFUSED: dict[str, tuple[dict[str, str | bytes], str]] = {
    "broken": ({"compose.yaml": "services:\n  web: [\n"}, r"compose.yaml:3: broken YAML"),
    "tab": ({"compose.yaml": "services:\n\tweb:\n"}, r"compose.yaml:2: broken YAML"),
    "several documents": ({"compose.yaml": "a: 1\n---\nb: 2\n"}, r"compose.yaml:2: broken YAML"),
    "an alias for nothing": ({"compose.yaml": "a: *b\n"}, r"compose.yaml:1: .*no anchor &b"),
    "a list": ({"services.yaml": "- a\n"}, r"services.yaml:1: not a mapping"),
    "a word": ({"services.yaml": "# a\nhello\n"}, r"services.yaml:2: not a mapping"),
    "binary": ({"compose.yaml": b"\xff\xfe\x00"}, r"compose.yaml:1: not UTF-8"),
    "control characters": ({"compose.yaml": b"a: \x07\n"}, r"compose.yaml:1: broken YAML"),
    "mixed line ends": ({"compose.yaml": b"a: 1\r\nb: 2\n"}, r"compose.yaml:1: has line ends"),
    "the same key twice": (
        {"compose.yaml": "services:\n  web:\n    a: 1\n  web:\n    a: 2\n"},
        r"compose.yaml:4: web is there twice",
    ),
    "flow style": ({"services.yaml": "services: {}\n"}, r"services.yaml:1: write services as"),
    "flow style all over": (
        {"compose.yaml": "{services: {}}\n"},
        r"compose.yaml:2: cannot be edited",
    ),
    "an include in brackets": (
        {"compose.yaml": "x: 1\ninclude: [more.yaml]\n"},
        r"compose.yaml:2: write include as a list",
    ),
    "an override that is broken": (
        {"compose.override.yaml": "services:\n  web: [\n"},
        r"compose.override.yaml:3: broken YAML",
    ),
    "a list of services": ({"services.yaml": "services:\n  - a\n"}, r"services.yaml:2: write"),
    "a tilde": ({"services.yaml": "services: ~\n"}, r"services.yaml:1: write services as"),
    "a service with the same name": (
        {"compose.yaml": "services:\n  orders:\n    image: theirs\n"},
        r"compose.yaml:2: orders is here already, and not from orders; ",
    ),
    "a database with the same name": (
        {"compose.yaml": "services:\n  a: {}\n  orders-db:\n    image: theirs\n"},
        r"compose.yaml:3: orders-db is here already",
    ),
    "a volume with the same name": (
        {"compose.yaml": "volumes:\n  orders-db: {external: true}\n"},
        r"compose.yaml:2: orders-db is here already",
    ),
    "an entry with another path": (
        {"services.yaml": "services:\n  orders:\n    path: old/orders\n"},
        r"services.yaml:2: orders is here already",
    ),
    "ports that are none": (
        {"services.yaml": "services:\n  orders:\n    path: ./orders\n    ports: 8001\n"},
        r"services.yaml:4: write ports as",
    ),
    "a port that is none": (
        {"services.yaml": "services:\n  orders:\n    path: orders\n    ports: {http: [a]}\n"},
        r"services.yaml:4: write ports as",
    ),
    "an entry without a path": (
        {"services.yaml": "services:\n  orders:\n"},
        r"services.yaml:2: give orders a path",
    ),
    "a path out of the workspace": (
        {"services.yaml": "services:\n  a: {path: b}\n  other:\n    path: ../other\n"},
        r"services.yaml:3: give other a path inside the workspace",
    ),
    "an absolute path": (
        {"services.yaml": "services:\n  other: {path: /etc}\n"},
        r"services.yaml:2: give other a path inside the workspace",
    ),
    "peers that are none": (
        {"services.yaml": "services:\n  a:\n    path: a\n    depends_on: ['B=1']\n"},
        r"services.yaml:4: write depends_on as",
    ),
    "a derived file that is none": (
        {"platform/compose.yaml": "services: {}\n"},
        r"platform/compose.yaml:1: not derived by this tool",
    ),
    "another kind of catalog": (
        {"catalog-info.yaml": "kind: Component\nmetadata: {name: a}\n"},
        r"catalog-info.yaml:1: not a Backstage Location",
    ),
    "a catalog without targets": (
        {"catalog-info.yaml": "kind: Location\nspec:\n  target: ./a.yaml\n"},
        r"catalog-info.yaml:1: has no spec.targets",
    ),
    "targets in brackets": (
        {"catalog-info.yaml": "kind: Location\nspec:\n  targets: [./a.yaml]\n"},
        r"catalog-info.yaml:3: write targets as",
    ),
    "another name that Compose reads": (
        {"docker-compose.yml": "services: {}\n"},
        r"docker-compose.yml: rename it to compose.yaml",
    ),
}


@pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
def test_files_that_cannot_be_edited_are_refused_and_unchanged(
    tmp_path: Path, files: dict[str, str | bytes], message: str
) -> None:
    put(tmp_path, files)
    root = stub(tmp_path, "orders")
    with pytest.raises(FleetError, match=message) as refusal:
        register(tmp_path, root)
    assert "\n" not in str(refusal.value)
    assert contents(tmp_path) == dict(
        sorted(
            (name, text if isinstance(text, bytes) else text.encode())
            for name, text in files.items()
        )
    )


@pytest.mark.parametrize("name", ["compose.yaml", "services.yaml", "catalog-info.yaml"])
@pytest.mark.parametrize("kind", ["link", "folder", "read-only"])
def test_only_plain_writable_files_are_edited(
    tmp_path: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, path = stub(tmp_path, "orders"), tmp_path / name
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "target").write_text("kind: Location\n")
        path.symlink_to("target")
    else:
        path.write_text("kind: Location\n")
        monkeypatch.setattr("os.access", lambda *_: False)  # root may write to every file
    before = contents(tmp_path)
    with pytest.raises(FleetError, match=re.escape(str(path))):
        register(tmp_path, root)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["catalog-info.yaml", "compose.yaml"])
@pytest.mark.parametrize("text", [None, "", "a: [", "kind: Component\n", "services:\n"])
def test_broken_files_of_a_service_are_reported(
    tmp_path: Path, name: str, text: str | None
) -> None:
    root = stub(tmp_path, "orders")
    (root / name).unlink()
    if text is not None:
        (root / name).write_text(text)
    with pytest.raises(FleetError, match=re.escape(str(root / name))):
        register(tmp_path, root)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("workspace", [".", "deploy", "../nowhere", "../other"])
def test_a_workspace_is_a_folder_around_the_service(tmp_path: Path, workspace: str) -> None:
    root = stub(tmp_path, "orders")
    (root / "deploy").mkdir()
    (tmp_path / "other").mkdir()
    with pytest.raises(FleetError, match="is not a folder around"):
        register((root / workspace).resolve(), root)


def test_unregistering_what_is_not_registered_changes_nothing(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    unregister(tmp_path, root)
    assert contents(tmp_path) == {}
    put(
        tmp_path,
        {"compose.yaml": "services:\n  orders: {image: theirs}\n", "catalog-info.yaml": "a: b\n"},
    )
    before = contents(tmp_path)
    unregister(tmp_path, root)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("link", ["platform", "platform/gateway", "platform/gateway.yaml"])
def test_links_in_the_derived_folder_are_refused(tmp_path: Path, link: str) -> None:
    root = stub(tmp_path / "workspace", "orders")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".a.new").write_text("not ours\n")
    path = tmp_path / "workspace" / link
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside)
    with pytest.raises(FleetError, match=re.escape(str(path))):
        register(tmp_path / "workspace", root)
    assert list(outside.iterdir()) == [outside / ".a.new"]
    assert not (tmp_path / "workspace/services.yaml").exists()


def test_a_service_behind_a_link_is_refused(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    register(workspace, stub(workspace, "orders"))
    stub(tmp_path, "stock")
    (workspace / "stock").symlink_to(tmp_path / "stock")
    registry = workspace / "services.yaml"
    registry.write_text(registry.read_text() + "  stock:\n    path: stock\n")
    before = contents(workspace)
    with pytest.raises(FleetError, match="stock is a symbolic link"):
        register(workspace, workspace / "orders")
    assert contents(workspace) == before


def test_a_service_whose_files_are_missing_is_left_out_of_compose(tmp_path: Path) -> None:
    registry = tmp_path / "services.yaml"
    registry.write_text("services:\n  elsewhere:\n    path: elsewhere\n    ports: {http: 8001}\n")
    done = workspace.register(tmp_path, stub(tmp_path, "orders"))
    assert done.ports == {"http": 8002}
    (note,) = done.notes
    assert "elsewhere/compose.yaml is missing" in note
    assert "elsewhere" not in say(tmp_path / "platform/compose.yaml")["services"]
    unregister(tmp_path, tmp_path / "orders")
    assert set(contents(tmp_path)) == {"services.yaml"}


def test_a_service_without_files_can_be_unregistered(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, stub(tmp_path, "stock"))
    before = contents(tmp_path)
    register(tmp_path, root)
    shutil.rmtree(root)
    unregister(tmp_path, root)
    assert contents(tmp_path) == before


def test_two_services_may_not_have_a_container_of_the_same_name(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders"))
    root = stub(tmp_path, "stock")
    own = root / "compose.yaml"
    own.write_text(own.read_text().replace("stock-migrate", "orders-migrate"))
    before = contents(tmp_path)
    with pytest.raises(
        FleetError, match="orders-migrate of stock is a name in orders, too; rename it in"
    ):
        register(tmp_path, root)
    assert contents(tmp_path) == before


# Parts of hand-written compose files; the indentation is filled in.
CHILDREN = [
    "{i}web:\n{i}{i}image: nginx # {n}\n",
    '{i}"cache": {{image: redis}}\n',
    "{i}job:\n{i}{i}command: |\n{i}{i}{i}a: b\n\n{i}{i}{i}# no comment\n",
    "{i}# {n}\n\n{i}deep:\n{i}{i}labels:\n{i}{i}- a\n{i}{i}- b # {n}\n{i}{i}# after\n",
    "{i}merged:\n{i}{i}<<: *base\n{i}{i}logging: *base\n",
    "{i}empty:\n",
    "\n{i}  # far in\n",
]


@st.composite
def compose_files(draw: st.DrawFn) -> bytes:
    """Draw a plausible hand-written compose file."""
    parts = ["x-base: &base\n  restart: always\n"]
    for section in draw(st.permutations(["services", "volumes", "networks", "name"])):
        if not draw(st.booleans()):
            continue
        if section == "name":
            parts.append("name:   shop  # quoted?\n")
            continue
        indent = " " * draw(st.sampled_from([1, 2, 4]))
        children = draw(st.lists(st.sampled_from(CHILDREN), unique=True, max_size=4))
        spaced = draw(st.sampled_from(["", " ", " # section"]))
        parts.append(f"{section}:{spaced}\n")
        parts += [child.format(i=indent, n=section) for child in children]
        parts.append(draw(st.sampled_from(["", "\n", "\n\n# next\n", "# end\n"])))
    text = "".join(parts)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return (draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", newline)).encode()


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=compose_files(), data=st.data())
def test_any_compose_file_is_kept_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    workspace = tmp_path_factory.mktemp("workspace")
    put(workspace, {"compose.yaml": content})
    roots = [stub(workspace, name) for name in ("orders", "stock")]
    for root in roots:
        register(workspace, root)
    registered = contents(workspace)
    register(workspace, data.draw(st.sampled_from(roots)))
    assert contents(workspace) == registered
    kept = yaml.load(registered["compose.yaml"], yaml.BaseLoader)
    assert kept.pop("include") == ["platform/compose.yaml"]
    assert kept == yaml.load(content, yaml.BaseLoader)
    for root in data.draw(st.permutations(roots)):
        unregister(workspace, root)
    assert contents(workspace) == {"compose.yaml": content}
