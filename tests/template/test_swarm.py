"""The stack: Swarm has everything that it needs, and secrets are only mounted as secrets."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.rendering import CHOICES, render

# The variables of deploy.sh; the file of a stage has the rest.
GIVEN = {"IMAGE", "VERSION"}


@pytest.fixture(scope="module", params=CHOICES["database"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service for Swarm on each database."""
    folder = tmp_path_factory.mktemp("swarm")
    return render(folder, deploy="swarm", database=request.param, workspace="")


@pytest.fixture(scope="module")
def stacks(service: Path) -> dict[str, dict[str, Any]]:
    """The deployed stacks by name, each merged from its compose files."""
    found: dict[str, dict[str, Any]] = {}
    for path in (service / "deploy" / "swarm").glob("*.yaml"):
        name = path.stem.partition("-")[0]
        found[name] = merged(found.get(name, {}), yaml.safe_load(path.read_text("utf-8")))
    return found


def merged(one: Any, other: Any) -> Any:
    """Return two merged compose files, which share no key but the version."""
    if isinstance(one, dict):
        both = {name: merged(one[name], other[name]) for name in one.keys() & other.keys()}
        return {**one, **other, **both}
    if isinstance(one, list):
        return [*one, *other]
    assert one == other
    return one


def test_stacks_are_valid_compose_files(service: Path) -> None:
    files = sorted((service / "deploy" / "swarm").glob("*.yaml"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_database_has_a_file_of_its_own(service: Path, stacks: dict[str, Any]) -> None:
    databases = set(stacks) - {"stack", "migrate"}

    assert len(databases) == (0 if "data" in stacks["stack"].get("volumes", {}) else 1)
    for name in databases:
        assert (service / "deploy" / "compose" / f"{name}.yaml").is_file()


def test_stages_set_what_the_stacks_have_no_default_for(service: Path) -> None:
    folder = service / "deploy" / "swarm"
    asked = {
        (name, default.startswith(":-"))
        for path in folder.glob("*.yaml")
        for name, default in re.findall(r"\$\{(\w+)([^}]*)\}", path.read_text("utf-8"))
    }
    stages = {path.stem: variables(path) for path in folder.glob("*.env")}

    assert set(stages) == {"staging", "production"}
    for stage in stages.values():
        assert set(stage) == {name for name, has_default in asked if not has_default} - GIVEN


def test_a_secret_has_one_name_by_default(stacks: dict[str, dict[str, Any]]) -> None:
    names: dict[str, set[str]] = {}
    for stack in stacks.values():
        for name, secret in stack.get("secrets", {}).items():
            names.setdefault(name, set()).add(secret["name"])

    assert {name: found for name, found in names.items() if len(found) > 1} == {}


def test_secrets_are_mounted_as_secrets(stacks: dict[str, Any]) -> None:
    for stack in stacks.values():
        for service in stack["services"].values():
            for name, value in service.get("environment", {}).items():
                secret = value != "1" and re.search("PASSWORD=|SECRET=|://", f"{name}={value}")
                assert not secret or value.startswith("sqlite:///"), name
        for secret in stack.get("secrets", {}).values():
            assert secret["external"]


def test_stop_leaves_time_to_drain_and_to_finish(service: Path, stacks: dict[str, Any]) -> None:
    documented = (service / "docs" / "configuration.md").read_text("utf-8")
    drain, grace = (
        int(found)
        for found in re.findall(r"`SHUTDOWN_(?:DRAIN|GRACE)_SECONDS` \| `(\d+)`", documented)
    )

    period = stacks["stack"]["services"]["orders"]["stop_grace_period"]
    assert int(period.removesuffix("s")) > drain + grace


def test_update_rolls_back_on_failure(stacks: dict[str, Any]) -> None:
    deploy = stacks["stack"]["services"]["orders"]["deploy"]

    assert deploy["update_config"]["order"] == deploy["rollback_config"]["order"] == "start-first"
    assert deploy["update_config"]["failure_action"] == "rollback"
    assert deploy["update_config"]["max_failure_ratio"] == 0


def test_service_and_migration_have_few_rights(stacks: dict[str, Any]) -> None:
    for service in (
        stacks["stack"]["services"]["orders"],
        stacks["migrate"]["services"]["migrate"],
    ):
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "10001:10001"
        assert service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory", "pids"}


def test_no_option_is_ignored_by_swarm(stacks: dict[str, Any]) -> None:
    ignored = {"build", "container_name", "depends_on", "restart", "security_opt", "tmpfs"}
    for stack in stacks.values():
        for service in stack["services"].values():
            assert ignored & set(service) == set()


def test_deployment_names_missing_variables(service: Path) -> None:
    assert "Usage: " in deploy(service)
    assert "Usage: " in deploy(service, "nowhere")
    assert "with a digest, not 'orders:1'" in deploy(service, "staging", IMAGE="orders:1")
    assert "VERSION" in deploy(service, "staging", IMAGE="orders@sha256:0")


def test_deployment_uses_every_overlay_file(tmp_path: Path) -> None:
    service = render(
        tmp_path, deploy="swarm", discovery="consul", depends_on="payments", workspace=""
    )
    program(tmp_path / "docker", DOCKER)

    done = subprocess.run(
        ["/bin/sh", "deploy/swarm/deploy.sh", "staging", "--compose-file", "mine.yaml"],
        cwd=service,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "IMAGE": "orders@sha256:0", "VERSION": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    migration, stack = (
        [Path(file).stem for file in re.findall(r"--compose-file (\S+)", line)]
        for line in done.stdout.splitlines()
    )
    assert migration == ["migrate", "migrate-remote"]
    assert stack == ["stack", "stack-remote", "stack-peers", "stack-consul", "mine"]


def test_a_rollback_fails_even_without_a_log(tmp_path: Path) -> None:
    service = render(tmp_path, deploy="swarm", workspace="")
    program(tmp_path / "docker", DOCKER.replace("completed", "rollback_completed: no luck"))
    program(tmp_path / "timeout", """#!/bin/sh\nshift\nexec /usr/bin/timeout 0.1 "$@"\n""")

    path = f"{tmp_path}:/usr/bin:/bin"
    said = deploy(service, "staging", PATH=path, IMAGE="orders@sha256:0", VERSION="1")

    assert "The new version did not start: rollback_completed: no luck" in said
    assert "Failed 2 seconds ago" in said


def program(path: Path, text: str) -> None:
    """Write an executable program."""
    path.write_text(text)
    path.chmod(0o755)


# A stub of Docker that prints what it deploys, and reports success.
DOCKER = """#!/bin/sh
case $1-$2 in
  stack-deploy) echo "$@" ;;
  service-logs) exec sleep 60 ;;
  service-ps)
    case $* in
      *Name*) echo "Failed 2 seconds ago" ;;
      *) echo Complete ;;
    esac
    ;;
  service-inspect) echo completed ;;
esac
"""


def deploy(service: Path, *arguments: str, **environment: str) -> str:
    """Run deploy.sh with a stub of Docker, and return its error message."""
    done = subprocess.run(
        ["/bin/sh", "deploy/swarm/deploy.sh", *arguments],
        cwd=service,
        env={"PATH": "/usr/bin:/bin", "DOCKER_HOST": "unix:///nowhere", **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    return done.stderr


def variables(path: Path) -> list[str]:
    """Return the variables of an .env file."""
    return re.findall(r"^(\w+)=", path.read_text("utf-8"), re.MULTILINE)
