"""An unchanged service passes its own checks, offline after the installation, and works."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.http import ORDERS, Client
from tests.support.rendering import CHOICES, render
from tests.support.servers.processes import free_port
from tests.support.verbs import environment, make

VERBS = {
    *("run", "test", "contract", "lint", "format", "migrate", "token", "openapi"),
    *("image", "up", "down", "register", "unregister"),
}

# A proxy that does not exist, so every access to the network fails.
OFFLINE = {
    "UV_OFFLINE": "1",
    **dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
        f"http://127.0.0.1:{free_port()}",
    ),
    # The tests themselves bypass the proxy for this machine.
    "no_proxy": "",
    "NO_PROXY": "",
}


def test_passes_its_own_tests(service: Path) -> None:
    assert " passed in " in make(service, "test")


def test_passes_its_own_lint(service: Path) -> None:
    make(service, "lint")


def test_lint_reports_an_edited_chassis_file(service: Path) -> None:
    file = service / "src/orders/chassis/context.py"
    vendored = file.read_bytes()
    file.write_bytes(b"# Edited.\n" + vendored)
    try:
        with pytest.raises(AssertionError, match=r"src/orders/chassis/context\.py: FAILED") as said:
            make(service, "lint")
    finally:
        file.write_bytes(vendored)
    assert "replaces the chassis: move the change" in str(said.value)


def test_needs_no_network_once_installed(service: Path) -> None:
    assert " passed in " in make(service, "test", **OFFLINE)
    make(service, "lint", **OFFLINE)


def test_described_as_committed(service: Path) -> None:
    described = (service / "openapi.json").read_text()
    make(service, "openapi")

    assert (service / "openapi.json").read_text() == described


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://127.0.0.1:1/orders", "connection failed"),
        ("oracle://db", "is not supported"),
    ],
)
def test_migration_without_a_database_fails_without_a_traceback(
    service: Path, url: str, reason: str
) -> None:
    with pytest.raises(AssertionError, match=f"No migration: .*{reason}") as said:
        make(service, "migrate", DATABASE_URL=url)
    assert "Traceback" not in str(said.value)


@pytest.mark.parametrize("database", CHOICES["database"][1:])
def test_every_database_passes_too(database: str, tmp_path: Path) -> None:
    other = render(tmp_path, database=database, ci="gitlab", workspace="")

    make(other, "lint")
    assert " passed in " in make(other, "test")


def test_help_describes_every_command(service: Path) -> None:
    lines = make(service, "help").splitlines()

    assert {line.split()[0] for line in lines} >= VERBS
    assert all(len(line.split()) > 2 for line in lines)


def test_token_prints_nothing_else(service: Path) -> None:
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", make(service, "token"))


def test_resource_is_created_read_changed_and_deleted(running: Client) -> None:
    assert running.get("/health/ready").status == 200

    created = running.post({"name": "First"})
    assert (created.status, created.json()["name"]) == (201, "First")
    path = f"{ORDERS}/{created.json()['id']}"
    assert created.headers["Location"].endswith(path)

    listed = running.get(f"{ORDERS}?limit=200")
    assert (listed.status, created.json() in listed.json()["items"]) == (200, True)

    read = running.get(path)
    assert (read.status, read.json()) == (200, created.json())

    first = {"If-Match": read.headers["ETag"]}
    assert running.ask("PATCH", path, body={"name": "Second"}).status == 428
    changed = running.ask("PATCH", path, body={"name": "Second"}, headers=first)
    assert (changed.status, changed.json()["name"]) == (200, "Second")
    assert running.ask("PATCH", path, body={"name": "Third"}, headers=first).status == 412

    second = {"If-Match": changed.headers["ETag"]}
    assert running.ask("DELETE", path, headers=second).status == 204
    gone = running.get(path)
    assert (gone.status, gone.headers["Content-Type"]) == (404, "application/problem+json")


def test_requests_without_a_token_are_rejected(running: Client) -> None:
    assert running.get(token=None).status == 401
    for path in ("/health/live", "/health/startup", "/metrics", "/openapi.json", "/docs"):
        assert running.get(path, token=None).status == 200, path


@pytest.mark.skipif(not shutil.which("curl"), reason="README calls the service with curl")
def test_calls_in_readme_work(service: Path, running: Client) -> None:
    readme = (service / "README.md").read_text()
    # The second block needs a workspace; tests/systems/test_compose.py tests its gateway and tokens.
    block, _ = re.findall(r"```console\n(API=.*?)```", readme, re.DOTALL)
    calls = re.sub(r"http://127\.0\.0\.1:\d+", f"http://127.0.0.1:{running.port}", block)
    created = running.post({"name": "Zeroth"})

    said = subprocess.run(
        ["bash", "-euc", f"ID={created.json()['id']}\n{calls}"],
        cwd=service,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert re.findall(r"HTTP/\S+ (\d+)", said) == ["201", "200", "200"]
