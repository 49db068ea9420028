"""A rendered service as a running process that receives requests over HTTP.

Fixtures provide the service on each database. A test starts it as often as it needs, on a free
port, with exactly the given environment.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.http import Answer, Client
from tests.support.issuer import Issuer
from tests.support.rendering import render
from tests.support.servers.database import Database
from tests.support.servers.processes import free_port, wait_until
from tests.support.verbs import make

Result = TypeVar("Result")

# The services of the current test by their logs, which are shown if it fails.
started: dict[Path, "Service"] = {}


@dataclass(frozen=True)
class Project:
    """A rendered service with installed dependencies."""

    folder: Path

    @property
    def package(self) -> str:
        """The name of the Python package."""
        return self.folder.name.replace("-", "_")

    def migrate(self, url: str) -> None:
        """Migrate a database."""
        make(self.folder, "migrate", DATABASE_URL=url)

    def python(
        self, *arguments: str, given: bytes = b"", environment: dict[str, str] | None = None
    ) -> bytes:
        """Run the service's interpreter and return its output."""
        command = [str(self.folder / ".venv/bin/python"), *arguments]
        env = None if environment is None else {"PATH": os.environ["PATH"], **environment}
        return subprocess.run(
            command, input=given, cwd=self.folder, check=True, capture_output=True, env=env
        ).stdout


@dataclass
class Service(Client):
    """A running service.

    Attributes:
        scratch: the folder for its log and temporary files.
        token: the token of requests, unless a test passes another one.
    """

    project: Project
    scratch: Path
    environment: dict[str, str]
    token: str
    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"

    def start(self) -> None:
        """Start it in a new session, as a terminal or an orchestrator does."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        command = [str(self.project.folder / ".venv/bin/python"), "-m", self.project.package]
        if setpriv := shutil.which("setpriv"):  # stops it with the tests, even if they are killed
            command = [setpriv, "--pdeathsig", "KILL", *command]
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                command,
                cwd=self.project.folder,
                env={
                    "PATH": os.environ["PATH"],
                    "TMPDIR": str(self.scratch),
                    "HOST": self.host,
                    "PORT": str(self.port),
                    **self.environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started[self._log] = self

    def kill(self) -> None:
        """Kill it and its workers."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self.popen.wait()

    def terminate(self) -> None:
        """Send SIGTERM, as an orchestrator does."""
        self.popen.terminate()

    def exit_code(self, within: float) -> int:
        """Wait until it has exited, and return the status."""
        return self.popen.wait(within)

    def wait_until_ready(self) -> None:
        """Wait until it reports readiness."""
        self.wait_for(lambda: self.is_ready() or not self.is_running(), "ready")
        assert self.is_running(), "it ended"

    def wait_for(self, state: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until a condition holds."""
        wait_until(state, what, seconds)

    def is_running(self) -> bool:
        """Return whether the process has not exited."""
        return self.popen.poll() is None

    def counted(self, **labels: str) -> int:
        """Return the number of requests with these labels in /metrics."""
        families = text_string_to_metric_families(self.get("/metrics", token=None).body.decode())
        return sum(
            int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "http_server_request_duration_seconds_count"
            and labels.items() <= sample.labels.items()
        )

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        pid = self.popen.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def log(self) -> list[dict[str, Any]]:
        """Return its log; every line is one JSON object."""
        return [json.loads(line) for line in self.output().splitlines()]

    def bugs(self) -> list[dict[str, Any]]:
        """Return the log entries of unexpected errors."""
        return [line for line in self.log() if line["message"] == "Unexpected error"]

    def output(self) -> str:
        """Return its whole output."""
        return self._log.read_text("utf-8", errors="replace")

    @property
    def _log(self) -> Path:
        return self.scratch / "log"


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Run all calls in parallel."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result() for each in [threads.submit(call) for call in calls]]


def elapsed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return the response of a call and its duration in seconds."""
    began = time.monotonic()
    return call(), time.monotonic() - began


@pytest.fixture(scope="session")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default service, installed."""
    return _installed(tmp_path_factory.mktemp("postgresql"), "postgresql")


@pytest.fixture(scope="session")
def on_mysql(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The service for MySQL and MariaDB, installed."""
    return _installed(tmp_path_factory.mktemp("mysql"), "mysql")


def _installed(folder: Path, database: str) -> Project:
    project = render(folder, database=database, workspace="")
    make(project, ".venv/.synced")
    return Project(project)


@dataclass(frozen=True)
class Place:
    """An installed service, its migrated database, and an issuer that it trusts.

    Attributes:
        server: the database server.
        environment: the settings for production.
        scratch: creates folders for logs and temporary files.
    """

    project: Project
    server: Database
    issuer: Issuer
    environment: dict[str, str]
    scratch: pytest.TempPathFactory

    @contextmanager
    def process(self, issuer: Issuer | None = None, /, **environment: str) -> Iterator[Service]:
        """Start the service without waiting, and kill it at the end."""
        issuer = issuer or self.issuer
        given = {**self.environment, **issuer.environment, **environment}
        service = Service(self.project, self.scratch.mktemp("service"), given, issuer.token())
        try:
            service.start()
            yield service
        finally:
            service.kill()

    @contextmanager
    def serve(self, issuer: Issuer | None = None, /, **environment: str) -> Iterator[Service]:
        """Start the service and wait until it is ready; by default its tokens have all scopes."""
        with self.process(issuer, **environment) as service:
            service.wait_until_ready()
            yield service

    @property
    def database_url(self) -> str:
        """The URL of the database."""
        return self.environment["DATABASE_URL"]


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """The service on each database in turn."""
    with _place(request, request.param, tmp_path_factory) as place:
        yield place


@pytest.fixture(scope="module")
def default_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """The default service, for tests that don't depend on the database."""
    with _place(request, "postgresql", tmp_path_factory) as place:
        yield place


@contextmanager
def _place(
    request: pytest.FixtureRequest, database: str, scratch: pytest.TempPathFactory
) -> Iterator[Place]:
    fixtures = {"postgresql": "on_postgresql", "mariadb": "on_mysql"}
    server: Database = request.getfixturevalue(f"{database}_server")
    project: Project = request.getfixturevalue(fixtures[database])
    with server.fresh() as url, Issuer() as issuer:
        project.migrate(url)
        environment = {"ENVIRONMENT": "production", "DATABASE_URL": url}
        yield Place(project, server, issuer, environment, scratch)
