"""A workspace of services with different databases, started by its shared compose file.

One service calls another, found in Consul, with tokens of the shared identity provider; clients use
the gateway.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.support.rendering import TEMPLATE, render
from tests.support.servers.docker import Docker, infrastructure
from tests.support.servers.processes import free_port, wait_until
from tests.support.verbs import make

SERVICES = {
    "orders": {"database": "postgresql", "depends_on": "inventory", "discovery": "consul"},
    "inventory": {"database": "mysql", "discovery": "consul"},
    "reports": {"database": "sqlite", "discovery": "etcd"},
}
PATHS = {"orders": "orders", "inventory": "inventories", "reports": "reports"}
SHARED = {"workspace-gateway": 8080, "workspace-identity": 9000, "consul": 8500, "etcd": 2379}

# What people write themselves: a container in compose.yaml, a variable in compose.override.yaml.
NOTES = """\
services:
  notes:
    image: {image}
    command: [sleep, infinity]
    init: true
"""
LOG_LEVEL = "  reports:\n    environment: {LOG_LEVEL: DEBUG}\n"

# What a use case of orders would do.
ASK = """
import os, sys, uuid
from orders import bootstrap, settings

adapters = bootstrap.connect(settings.read(os.environ))
print(adapters.clients.inventory.get(uuid.UUID(sys.argv[1])).name)
adapters.close()
"""


@pytest.fixture(scope="module")
def workspace(
    docker_with_infrastructure: Docker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A running workspace with a service for each database."""
    docker = docker_with_infrastructure
    folder = tmp_path_factory.mktemp("workspace")
    folder.chmod(0o755)  # the usual mode: containers read the folder as another user
    for name, answers in SERVICES.items():
        service = render(folder, service_name=name, **answers)
        make(service, "token")  # also creates uv.lock and the development key
    (image,) = infrastructure("gateway")
    with (folder / "compose.yaml").open("a", encoding="utf-8") as file:
        file.write(NOTES.format(image=image))
    publish_elsewhere(folder)
    try:
        docker("compose", "up", "--build", "--wait", "--wait-timeout=300", cwd=folder)
        yield folder
    except Exception as error:
        error.add_note(docker.run("compose", "logs", "--no-color", cwd=folder).stdout[-5000:])
        raise
    finally:
        docker("compose", "down", "--volumes", "--timeout=10", cwd=folder)
        images = (*(f"{name}:dev" for name in SERVICES), "workspace-identity:dev")
        docker.run("image", "rm", *images)


def test_is_valid_for_compose(docker: Docker, workspace: Path) -> None:
    docker("compose", "config", "--quiet", cwd=workspace)
    for service in SERVICES:
        docker("compose", "config", "--quiet", cwd=workspace / service)


@pytest.mark.parametrize("service", SERVICES)
def test_service_serves_on_its_registered_port(workspace: Path, service: str) -> None:
    with urlopen(f"{registered(workspace, service)}/health/ready", timeout=60) as ready:
        assert ready.status == 200
    assert names(workspace, registered(workspace, service), service) == ["First"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_gateway_forwards_to_services(workspace: Path, service: str) -> None:
    address = f"{published(workspace, 'workspace-gateway')}/{service}"

    assert "First" in names(workspace, address, service)
    for path in ("/metrics", "/health/ready", "/docs", "/openapi.json", "/api/..%2fmetrics"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(address + path, timeout=60)
    large = b'{"name": "Large"}'.ljust(1_000_000)  # close to the limit of the service
    sent = Request(f"{address}/api/v1/{PATHS[service]}", large, authorized(workspace, service))
    with urlopen(sent, timeout=60) as created:
        assert created.status == 201


def test_routes_are_reloaded(workspace: Path) -> None:
    resource = f"{published(workspace, 'workspace-gateway')}/reports/api/v1/reports"

    def status() -> int:
        try:
            with urlopen(resource, timeout=60) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    assert status() == 401
    for verb, expected in (("unregister", 404), ("register", 401)):
        make(workspace / "reports", verb)
        wait_until(lambda: status() == expected, verb, 60)  # noqa: B023 (awaited here)


def test_one_service_calls_another(docker: Docker, workspace: Path) -> None:
    """The peer is found in the shared Consul, the token comes from the shared provider."""
    resource = f"{published(workspace, 'workspace-gateway')}/inventory/api/v1/inventories"
    headers = authorized(workspace, "inventory")
    with urlopen(Request(resource, b'{"name": "Asked for"}', headers), timeout=60) as created:
        wanted = json.load(created)["id"]
    for service in ("orders", "inventory"):
        wait_until(lambda: bool(instances(workspace, service)), service)  # noqa: B023 (awaited here)

    command = ("exec", "--no-TTY", "orders", "python", "-c", ASK, wanted)
    assert docker("compose", *command, cwd=workspace) == "Asked for"


def test_a_service_is_registered_in_etcd(docker: Docker, workspace: Path) -> None:
    command = ("exec", "--no-TTY", "etcd", "etcdctl", "get", "--prefix", "", "--keys-only")

    def entered() -> bool:
        return "reports" in docker("compose", *command, cwd=workspace)

    wait_until(entered, "reports")


def test_additions_to_the_workspace_run(docker: Docker, workspace: Path) -> None:
    assert _state(docker, workspace, "notes")["Running"]
    command = ("exec", "--no-TTY", "reports", "printenv", "LOG_LEVEL", "AUTH_CLIENT_ID")
    assert docker("compose", *command, cwd=workspace).split() == ["DEBUG", "reports"]


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_ran_before_the_service(docker: Docker, workspace: Path, service: str) -> None:
    migrated = _state(docker, workspace, f"{service}-migrate")
    running = _state(docker, workspace, service)

    assert migrated["ExitCode"] == 0
    assert migrated["FinishedAt"] <= running["StartedAt"]


def test_only_services_are_reachable_from_the_host(docker: Docker, workspace: Path) -> None:
    """Databases have no published ports, and services are published on loopback only."""
    listing = docker("compose", "ps", "--format=json", cwd=workspace)
    for line in listing.splitlines():
        container = json.loads(line)
        published = {p["URL"] for p in container["Publishers"] or () if p["PublishedPort"]}
        expected = {"127.0.0.1"} if container["Service"] in {*SERVICES, *SHARED} else set()
        assert published == expected


def test_the_gateway_is_removed_with_the_last_service_and_added_with_the_first(
    docker: Docker, workspace: Path
) -> None:
    """The folder that it mounts is a different one after the second registration."""
    container = docker("compose", "ps", "--quiet", "workspace-gateway", cwd=workspace)
    for service in SERVICES:
        make(workspace / service, "unregister")
    assert docker("wait", container, timeout=60) == "0"

    for service in SERVICES:  # with the template's tool, because the workspace's copy was removed
        command = [sys.executable, "-m", "fleet", "register", str(workspace / service)]
        subprocess.run(command, cwd=TEMPLATE, check=True)
    publish_elsewhere(workspace)
    docker("compose", "up", "--wait", "--wait-timeout=300", cwd=workspace)
    test_the_gateway_forwards_to_services(workspace, "reports")
    test_additions_to_the_workspace_run(docker, workspace)


def publish_elsewhere(workspace: Path) -> None:
    """Change the published ports, for a machine that uses 8080 or 8500 already."""
    registry = workspace / "services.yaml"
    text = registry.read_text("utf-8")
    registry.write_text(re.sub(r"{http: \d+}", lambda _: f"{{http: {free_port()}}}", text), "utf-8")
    lines = [
        f"  {name}:\n    ports: !override ['127.0.0.1:{free_port()}:{port}']\n"
        for name, port in SHARED.items()
    ]
    override = workspace / "compose.override.yaml"
    override.write_text("".join(["services:\n", *lines, LOG_LEVEL]), "utf-8")
    for service in SERVICES:
        make(workspace / service, "register")


def names(workspace: Path, address: str, service: str) -> list[str]:
    """Create a resource in a service, and return its names."""
    resource = f"{address}/api/v1/{PATHS[service]}"
    headers = authorized(workspace, service)
    with urlopen(Request(resource, b'{"name": "First"}', headers), timeout=60) as created:
        assert created.status == 201
    with urlopen(Request(resource, headers=headers), timeout=60) as listed:
        return [item["name"] for item in json.load(listed)["items"]]


def authorized(workspace: Path, service: str) -> dict[str, str]:
    """Return the headers of a developer with a token from the identity provider."""
    url = f"{published(workspace, 'workspace-identity')}/token"
    token = make(workspace / service, "token", AUTH_TOKEN_URL=url)
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def registered(workspace: Path, service: str) -> str:
    """Return the address of a service on this machine."""
    registry = yaml.safe_load((workspace / "services.yaml").read_text("utf-8"))
    return f"http://127.0.0.1:{registry['services'][service]['ports']['http']}"


def published(workspace: Path, container: str) -> str:
    """Return the address of a shared part on this machine."""
    override = (workspace / "compose.override.yaml").read_text("utf-8")
    (address,) = re.findall(rf"^  {container}:\n    ports: .*'(.+):\d+'", override, re.MULTILINE)
    return f"http://{address}"


def instances(workspace: Path, service: str) -> list[Any]:
    """Return the instances of a service in Consul."""
    url = f"{published(workspace, 'consul')}/v1/health/service/{service}?passing=true"
    with urlopen(url, timeout=60) as answer:
        found: list[Any] = json.load(answer)
        return found


def _state(docker: Docker, workspace: Path, service: str) -> dict[str, Any]:
    container = docker("compose", "ps", "--all", "--quiet", service, cwd=workspace)
    state: dict[str, Any] = json.loads(docker("inspect", "--format={{json .State}}", container))
    return state
