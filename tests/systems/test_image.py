"""The image of a service: built by `make image`, run with the restrictions of a cluster."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tests.support.rendering import render
from tests.support.servers.docker import Docker, python_image
from tests.support.servers.processes import free_port, wait_until
from tests.support.verbs import make

IMAGE = "orders:test"
TOOLS = "pip pip3 uv gcc cc g++ ld as make git curl wget"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default service, not registered."""
    return render(tmp_path_factory.mktemp("image"), workspace="")


@pytest.fixture(scope="module")
def image(docker: Docker, service: Path) -> Iterator[str]:
    """Its image."""
    make(service, "image", f"IMAGE={IMAGE}", **docker.environment)
    yield IMAGE
    docker("image", "rm", IMAGE)


@pytest.fixture
def container(docker: Docker, service: Path, image: str) -> Iterator[tuple[str, str]]:
    """A restricted container with a database in memory; its name and address."""
    make(service, "token")  # creates the public key where the service reads it
    port = free_port()
    name = docker(
        *("run", "--detach", f"--publish=127.0.0.1:{port}:8000"),
        *("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
        *("--env=ENVIRONMENT=development", "--env=DATABASE_URL=sqlite:////tmp/orders.db"),
        *("--env=SHUTDOWN_DRAIN_SECONDS=1", f"--volume={service}/.dev:/app/.dev:ro"),
        image,
    )
    try:
        docker("exec", name, "python", "-m", "orders", "migrate")
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: _status(f"{address}/health/ready") == 200, "ready")
        yield name, address
    finally:
        sys.stdout.write(docker.output("logs", name))  # pytest shows it if the test failed
        docker("rm", "--force", "--volumes", name)


def test_serves_with_restricted_rights(container: tuple[str, str], service: Path) -> None:
    _, address = container
    bearer = {"Authorization": f"Bearer {make(service, 'token')}"}

    assert _status(f"{address}/health/live") == 200
    assert _status(f"{address}/api/v1/orders") == 401
    assert _status(f"{address}/api/v1/orders", bearer) == 200
    body = {"name": "First"}
    assert _status(f"{address}/api/v1/orders", bearer, body) == 201


def test_runs_as_a_non_root_user_without_capabilities(
    docker: Docker, container: tuple[str, str]
) -> None:
    name, _ = container

    uid = docker("exec", name, "id", "-u")
    assert int(uid) >= 10000
    capabilities = docker("exec", name, "grep", "-E", "CapEff|CapBnd", "/proc/1/status")
    assert {line.split()[1] for line in capabilities.splitlines()} == {"0" * 16}
    assert docker.run("exec", name, "touch", "/app/file").returncode != 0


def test_stops_on_request(docker: Docker, container: tuple[str, str]) -> None:
    name, _ = container

    docker("stop", "--time=60", name)

    assert docker("inspect", "--format={{.State.ExitCode}}", name) == "0", "it was killed"


def test_has_no_build_tools(docker: Docker, image: str) -> None:
    find = f"for tool in {TOOLS}; do command -v $tool; done; true"
    assert _inside(docker, image, find) == ""
    assert docker.run("run", "--rm", image, "python", "-c", "import pip").returncode != 0
    assert _inside(docker, image, "find / -xdev -path '*/.cache/*' -o -name .git; true") == ""


def test_has_no_development_tools(docker: Docker, image: str) -> None:
    listing = "from importlib.metadata import distributions as d; print(*(i.name for i in d()))"
    installed = docker("run", "--rm", image, "python", "-c", listing).split()
    assert {"orders", "flask", "granian"} <= {name.lower() for name in installed}
    assert not {"pytest", "mypy", "ruff", "import-linter"} & set(installed)


def test_a_rebuild_has_the_same_files(docker: Docker, service: Path, image: str) -> None:
    dockerfile = service / "deploy" / "Dockerfile"
    options = ("--quiet", "--no-cache", "--build-arg=PYTHON_IMAGE", f"--file={dockerfile}")
    again = docker("build", *options, service)

    digest = "find /app -type f -exec sha256sum {} + | sort"
    try:
        assert _inside(docker, image, digest) == _inside(docker, again, digest)
    finally:
        docker("image", "rm", again)


def test_size(docker: Docker, image: str, capsys: pytest.CaptureFixture[str]) -> None:
    base = docker.environment.get("PYTHON_IMAGE", python_image())
    size, below = (int(docker("inspect", "--format={{.Size}}", name)) for name in (image, base))
    own = size - below
    with capsys.disabled():
        sys.stdout.write(f"\nimage: {size / 1e6:.0f} MB, {own / 1e6:.0f} MB above its base\n")
    assert own < 150e6


def _inside(docker: Docker, image: str, script: str) -> str:
    return docker("run", "--rm", "--user=0", image, "sh", "-c", script)


def _status(url: str, headers: dict[str, str] | None = None, body: object = None) -> int | None:
    """Return the status of a response, or None while the server does not respond."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urlopen(request, timeout=30) as answer:
            status: int = answer.status
            return status
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return None
