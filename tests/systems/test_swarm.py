"""A service on a single-node Swarm: deployed by its script, updated and broken under load.

The kernel of a small machine may lack IPVS for virtual addresses, so Swarm's DNS returns the
addresses of the tasks; otherwise the stack is unchanged.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.rendering import TEMPLATE, render
from tests.support.servers import MissingServerError
from tests.support.servers.docker import Docker
from tests.support.servers.processes import wait_until
from tests.support.servers.registry import registry
from tests.support.verbs import make

STACK = "orders"
SERVICE = "orders_orders"
PASSWORD = "never-to-be-seen"
SECRETS = {
    "orders-database-password-1": PASSWORD,
    "orders-database-url-1": f"postgresql://app:{PASSWORD}@database/orders",
}
CLIENT = TEMPLATE / "tests" / "support" / "swarm_client.py"
OF_STACK = f"--filter=label=com.docker.stack.namespace={STACK}"

# Replaced files in the image of each version.
VERSIONS = {
    "2": "LABEL release=2",
    "crashing": 'CMD ["python", "-c", "raise SystemExit(3)"]',
    "never-ready": 'CMD ["python", "-m", "http.server", "8000"]',
    "not-migrating": "WORKDIR /tmp",
}


@dataclass(frozen=True)
class Swarm:
    """The service's stack on a Swarm, and the images of its versions by digest."""

    docker: Docker
    service: Path
    images: dict[str, str]
    token: str

    def deploy(self, version: str) -> subprocess.CompletedProcess[str]:
        """Deploy a version as the pipeline does, and return the process."""
        return self._run(
            *("sh", "deploy/swarm/deploy.sh", "staging", "--compose-file", "override.yaml"),
            IMAGE=self.images[version],
            VERSION=version,
        )

    def start_database(self) -> None:
        """Deploy the database as the documentation describes."""
        command = "docker stack deploy --detach=false --compose-file deploy/swarm/postgresql.yaml"
        script = f"set -a; . deploy/swarm/staging.env; {command} --resolve-image=never {STACK}"
        done = self._run("sh", "-c", script)
        assert done.returncode == 0, done.stderr

    def running(self) -> list[str]:
        """Return the image of every running task of the service."""
        tasks = self.docker(
            *("service", "ps", "--no-trunc", "--filter=desired-state=running"),
            *("--format={{.Image}} {{.CurrentState}}", SERVICE),
        )
        return [
            image for image, state, *_ in map(str.split, tasks.splitlines()) if state == "Running"
        ]

    def containers(self) -> list[dict[str, Any]]:
        """Return a description of every running container of the stack."""
        names = self.docker("ps", "--quiet", OF_STACK).split()
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *names))
        return found

    def _run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.service,
            env={**os.environ, **self.docker.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


@dataclass
class Report:
    """The results of a number of clients."""

    answered: int = 0
    asked_to_leave: int = 0
    failures: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a registry."""
    try:
        with registry() as found:
            yield found
    except MissingServerError as reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(reason))


@pytest.fixture(scope="module")
def swarm(
    docker: Docker, address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Swarm]:
    """The first version of the service, on a Swarm of its own."""
    service = render(tmp_path_factory.mktemp("swarm"), deploy="swarm", workspace="")
    images = {"1": f"{address}/orders:1"}
    make(service, "image", f"IMAGE={images['1']}", **docker.environment)
    for version, line in VERSIONS.items():
        images[version] = f"{address}/orders:{version}"
        folder = tmp_path_factory.mktemp(version)
        (folder / "Dockerfile").write_text(f"FROM {images['1']}\n{line}\n")
        docker("build", "--quiet", f"--tag={images[version]}", folder)
    digests = {version: _push(docker, image) for version, image in images.items()}
    token = make(service, "token")
    (service / "override.yaml").write_text(yaml.safe_dump(_override(service)))
    try:
        with _node(docker):
            swarm = Swarm(docker, service, digests, token)
            swarm.start_database()
            first = swarm.deploy("1")
            assert first.returncode == 0, first.stdout + first.stderr
            yield swarm
    finally:
        docker.run("image", "rm", "--force", *reversed(images.values()))


def test_first_deployment(swarm: Swarm) -> None:
    """Two tasks run the image of the digest; the migration ran before."""
    assert swarm.running() == [swarm.images["1"]] * 2
    assert "@sha256:" in swarm.images["1"]
    migrated = swarm.docker("service", "ps", "--format={{.CurrentState}}", "orders_migrate")
    assert migrated.startswith("Complete")


def test_tasks_have_few_rights(swarm: Swarm) -> None:
    tasks = [one for one in swarm.containers() if one["Name"].startswith(f"/{SERVICE}.")]
    assert len(tasks) == 2
    for task in tasks:
        host = task["HostConfig"]
        assert task["Config"]["User"] == "10001:10001"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Init"]
        assert host["Memory"] == 512 * 1024**2
        assert host["PidsLimit"] == 200
        assert not host["PortBindings"]


def test_update_policy_is_that_of_the_stack(swarm: Swarm) -> None:
    """The tests don't override what they check."""
    spec = json.loads(swarm.docker("service", "inspect", SERVICE))[0]["Spec"]
    assert spec["UpdateConfig"]["Order"] == "start-first"
    assert spec["UpdateConfig"]["Parallelism"] == 1
    assert spec["UpdateConfig"]["FailureAction"] == "rollback"
    assert spec["RollbackConfig"]["Order"] == "start-first"
    assert spec["TaskTemplate"]["Placement"]["Preferences"]
    assert spec["Labels"]["owner"] == "platform-team"
    assert spec["Labels"]["version"] == "1"


def test_secrets_are_not_visible(swarm: Swarm) -> None:
    services = swarm.docker("stack", "services", "--quiet", STACK).split()
    tasks = swarm.docker("stack", "ps", "--quiet", "--no-trunc", STACK).split()
    seen = swarm.docker("service", "inspect", *services)
    seen += swarm.docker("inspect", "--type=task", *tasks)
    seen += json.dumps(swarm.containers())
    seen += "".join(swarm.docker("service", "logs", service) for service in services)
    assert "DATABASE_URL_FILE=/run/secrets/database_url" in seen
    assert PASSWORD not in seen


def test_update_under_load_loses_no_request(swarm: Swarm) -> None:
    with _load(swarm) as report:
        done = swarm.deploy("2")

    assert done.returncode == 0, done.stdout + done.stderr
    assert swarm.running() == [swarm.images["2"]] * 2
    assert report.failures == []
    assert report.answered > 100
    assert report.asked_to_leave >= 2  # the persistent connections, one to each instance
    assert len(report.instances) >= 3


@pytest.mark.parametrize("version", ["crashing", "never-ready"])
def test_broken_version_rolls_back_by_itself(swarm: Swarm, version: str) -> None:
    before = swarm.running()

    with _load(swarm) as report:
        done = swarm.deploy(version)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "rollback_completed" in done.stderr
    assert swarm.running() == before
    assert report.failures == []
    assert report.answered > 100


def test_failing_migration_keeps_the_service_as_it_is(swarm: Swarm) -> None:
    before = swarm.docker("service", "inspect", "--format={{.Version.Index}}", SERVICE)

    done = swarm.deploy("not-migrating")

    assert done.returncode == 1
    assert "The migration failed" in done.stderr
    assert "script_location" in done.stderr  # from Alembic
    assert swarm.docker("service", "inspect", "--format={{.Version.Index}}", SERVICE) == before


def test_same_version_again_changes_nothing(swarm: Swarm) -> None:
    containers = {one["Id"] for one in swarm.containers()}
    (version,) = (name for name, image in swarm.images.items() if [image] * 2 == swarm.running())

    assert swarm.deploy(version).returncode == 0

    assert {one["Id"] for one in swarm.containers()} == containers


def test_a_removed_stack_leaves_nothing_but_data(swarm: Swarm) -> None:
    """The data stay until they are removed explicitly."""
    _remove(swarm.docker)

    for kind in ("service", "network", "config"):
        assert swarm.docker(kind, "ls", "--quiet", OF_STACK) == ""
    assert swarm.docker("ps", "--all", "--quiet", OF_STACK) == ""
    assert swarm.docker("volume", "ls", "--quiet", OF_STACK) == "orders_database"


@contextmanager
def _node(docker: Docker) -> Iterator[None]:
    """Initialize a Swarm with the prerequisites of docs/swarm.md; remove everything at the end."""
    ours = docker("info", "--format={{.Swarm.LocalNodeState}}") != "active"
    if ours:
        docker("swarm", "init", "--advertise-addr=127.0.0.1")
    try:
        docker("node", "update", "--label-add=orders-db=true", docker("node", "ls", "--quiet"))
        docker("network", "create", "--driver=overlay", "--attachable", "edge")
        for name, value in SECRETS.items():
            _secret(docker, name, value)
        yield
    finally:
        try:
            _remove(docker)
        finally:
            docker.run("volume", "rm", "orders_database")
            docker.run("network", "rm", "edge")
            docker.run("secret", "rm", *SECRETS)
            if ours:
                docker.run("swarm", "leave", "--force")


def _secret(docker: Docker, name: str, value: str) -> None:
    subprocess.run(
        ["docker", "secret", "create", name, "-"],
        env={**os.environ, **docker.environment},
        input=value.encode(),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _remove(docker: Docker) -> None:
    docker.run("stack", "rm", STACK)
    wait_until(lambda: docker("ps", "--quiet", OF_STACK) == "", "the containers' end", 180)
    docker("container", "prune", "--force", OF_STACK)  # engines keep containers of finished jobs
    wait_until(lambda: docker("network", "ls", "--quiet", OF_STACK) == "", "the networks' end", 180)


def _push(docker: Docker, image: str) -> str:
    docker("push", "--quiet", image)
    digest: str = json.loads(docker("inspect", "--format={{json .RepoDigests}}", image))[0]
    return digest


def _override(service: Path) -> dict[str, Any]:
    """Return the overrides for this machine: keys, longer timeouts, and no IPVS."""
    return {
        "version": "3.9",
        "services": {
            "orders": {
                "environment": {
                    "ENVIRONMENT": "development",
                    "AUTH_ISSUER": "urn:development",
                    "AUTH_JWKS_URL": "file:/run/jwks.json",
                },
                "configs": [{"source": "jwks", "target": "/run/jwks.json"}],
                "healthcheck": {
                    "interval": "2s",
                    "timeout": "30s",
                    "retries": 10,
                    "start_period": "1s",
                },
                "deploy": {"endpoint_mode": "dnsrr"},
            }
        },
        "configs": {"jwks": {"file": str(service / ".dev" / "jwks.json")}},
    }


@contextmanager
def _load(swarm: Swarm) -> Iterator[Report]:
    """Run clients in the service's network inside the context; the report follows."""
    docker = swarm.docker
    name = docker(
        *("run", "--detach", "--network=edge", swarm.images["1"]),
        *("python", "-c", CLIENT.read_text("utf-8"), "orders", swarm.token),
    )
    report = Report()
    try:
        wait_until(lambda: "begun" in docker("logs", name), "the clients' first answers", 180)
        yield report
        docker("stop", "--time=60", name)
        vars(report).update(json.loads(docker("logs", name).splitlines()[-1]))
    finally:
        # pytest shows it if the test failed. (Swarm's `service logs` may hang meanwhile.)
        for each in (name, *docker.run("ps", "--all", "--quiet", OF_STACK).stdout.split()):
            sys.stdout.write(docker.output("logs", "--tail=100", each))
        docker.run("rm", "--force", name)
