"""A workspace of services on different databases, brought up by its shared compose file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.real.servers.docker import Docker
from tests.real.verbs import make
from tests.rendering import render

SERVICES = {"orders": "postgresql", "inventory": "mysql", "reports": "sqlite"}
PATHS = {"orders": "orders", "inventory": "inventories", "reports": "reports"}


@pytest.fixture(scope="module")
def workspace(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace with a service for each database, up."""
    folder = tmp_path_factory.mktemp("workspace")
    for name, database in SERVICES.items():
        service = render(folder, service_name=name, database=database)
        make(service, "token")  # makes uv.lock and the development key on the way
    try:
        docker("compose", "up", "--build", "--wait", "--wait-timeout=300", cwd=folder)
        yield folder
    except Exception as error:
        error.add_note(docker.run("compose", "logs", "--no-color", cwd=folder).stdout[-5000:])
        raise
    finally:
        docker("compose", "down", "--volumes", "--timeout=10", cwd=folder)
        docker.run("image", "rm", *(f"{name}:dev" for name in SERVICES))


def test_is_valid_for_compose(docker: Docker, workspace: Path) -> None:
    docker("compose", "config", "--quiet", cwd=workspace)
    for service in SERVICES:
        docker("compose", "config", "--quiet", cwd=workspace / service)


@pytest.mark.parametrize("service", SERVICES)
def test_service_serves_on_its_registered_port(workspace: Path, service: str) -> None:
    registry = yaml.safe_load((workspace / "services.yaml").read_text("utf-8"))
    address = f"http://127.0.0.1:{registry['services'][service]['ports']['http']}"
    resource = f"{address}/api/v1/{PATHS[service]}"
    token = make(workspace / service, "token")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    with urlopen(f"{address}/health/ready", timeout=5) as ready:
        assert ready.status == 200
    with urlopen(Request(resource, b'{"name": "First"}', headers), timeout=5) as created:
        assert created.status == 201
    with urlopen(Request(resource, headers=headers), timeout=5) as listed:
        assert [item["name"] for item in json.load(listed)["items"]] == ["First"]


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_ran_before_the_service(docker: Docker, workspace: Path, service: str) -> None:
    migrated = _state(docker, workspace, f"{service}-migrate")
    running = _state(docker, workspace, service)

    assert migrated["ExitCode"] == 0
    assert migrated["FinishedAt"] <= running["StartedAt"]


def test_only_services_are_reached_from_the_host(docker: Docker, workspace: Path) -> None:
    """Databases stay inside; services listen on this machine alone."""
    listing = docker("compose", "ps", "--format=json", cwd=workspace)
    for line in listing.splitlines():
        container = json.loads(line)
        published = {p["URL"] for p in container["Publishers"] if p["PublishedPort"]}
        assert published == ({"127.0.0.1"} if container["Service"] in SERVICES else set())


def _state(docker: Docker, workspace: Path, service: str) -> dict[str, Any]:
    container = docker("compose", "ps", "--all", "--quiet", service, cwd=workspace)
    state: dict[str, Any] = json.loads(docker("inspect", "--format={{json .State}}", container))
    return state
