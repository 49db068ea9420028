"""A rendered service as its users meet it: installed, started as a process, asked over HTTP.

Fixtures give the service on each database; a test starts it as often as it likes, on a free port,
with the environment that it names and no other.
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
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.issuer import Issuer
from tests.support.rendering import render
from tests.support.servers.database import Database
from tests.support.servers.processes import free_port, wait_until
from tests.support.verbs import make

ORDERS = "/api/v1/orders"

Result = TypeVar("Result")

# By their logs: what has run during a test, for whoever wants to know why it failed.
started: dict[Path, "Service"] = {}


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Message
    body: bytes

    @property
    def ok(self) -> bool:
        """Tell whether it is a success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Project:
    """A rendered service, its dependencies installed."""

    folder: Path

    @property
    def package(self) -> str:
        """The name of its package."""
        return self.folder.name.replace("-", "_")

    def migrate(self, url: str) -> None:
        """Bring the database up to date."""
        make(self.folder, "migrate", DATABASE_URL=url)

    def python(
        self, *arguments: str, given: bytes = b"", environment: dict[str, str] | None = None
    ) -> bytes:
        """Run the service's interpreter and give what it prints."""
        command = [str(self.folder / ".venv/bin/python"), *arguments]
        env = None if environment is None else {"PATH": os.environ["PATH"], **environment}
        return subprocess.run(
            command, input=given, cwd=self.folder, check=True, capture_output=True, env=env
        ).stdout


@dataclass
class Service:
    """A running service.

    Attributes:
        scratch: holds its log and its temporary files.
        token: what its callers send unless a test says otherwise.
    """

    project: Project
    scratch: Path
    environment: dict[str, str]
    token: str
    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"

    def start(self) -> None:
        """Start it, with a session of its own, as a terminal or an orchestrator does."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        command = [str(self.project.folder / ".venv/bin/python"), "-m", self.project.package]
        if setpriv := shutil.which("setpriv"):  # ends it with the tests, even killed ones
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
        """End it and its workers at once."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self.popen.wait()

    def terminate(self) -> None:
        """Ask it to stop, as an orchestrator does."""
        self.popen.terminate()

    def exit_code(self, within: float) -> int:
        """Wait until it has ended."""
        return self.popen.wait(within)

    def wait_until_ready(self) -> None:
        """Wait until it wants requests."""
        self.wait_for(lambda: self.is_ready() or not self.is_running(), "ready")
        assert self.is_running(), "it ended"

    def wait_for(self, state: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until it is in this state."""
        wait_until(state, what, seconds)

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self.popen.poll() is None

    def is_alive(self) -> bool:
        """Tell whether it answers at all."""
        try:
            return self.get("/health/live", token=None).status == 200
        except (OSError, HTTPException):
            return False

    def is_ready(self) -> bool:
        """Tell whether it wants requests."""
        try:
            return self.get("/health/ready", token=None).status == 200
        except (OSError, HTTPException):
            return False

    def get(self, path: str = ORDERS, **given: Any) -> Answer:
        """Ask by GET."""
        return self.ask("GET", path, **given)

    def post(self, body: object, path: str = ORDERS, **given: Any) -> Answer:
        """Ask by POST."""
        return self.ask("POST", path, body=body, **given)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
        token: str | None = "",
        timeout: float = 30,
    ) -> Answer:
        """Send a request on a connection of its own; with its usual token unless given another."""
        connection = self.connect(timeout)
        try:
            connection.request(method, path, *self.request(body, headers, token))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def connect(self, timeout: float = 30) -> HTTPConnection:
        """Open a connection that stays open."""
        return HTTPConnection(self.host, self.port, timeout=timeout)

    def request(
        self,
        body: object = None,
        headers: dict[str, str] | None = None,
        token: str | None = "",
    ) -> tuple[str | None, dict[str, str]]:
        """Give the body and the headers of a request."""
        sent = dict(headers or {})
        if bearer := self.token if token == "" else token:
            sent.setdefault("Authorization", f"Bearer {bearer}")
        if body is None:
            return None, sent
        return json.dumps(body), {"Content-Type": "application/json", **sent}

    def counted(self, **labels: str) -> int:
        """Give the number of requests with these labels that /metrics knows of."""
        families = text_string_to_metric_families(self.get("/metrics", token=None).body.decode())
        return sum(
            int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "http_server_request_duration_seconds_count"
            and labels.items() <= sample.labels.items()
        )

    def workers(self) -> list[int]:
        """Give the pids of its workers."""
        pid = self.popen.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def log(self) -> list[dict[str, Any]]:
        """Give its log; every line is one JSON object."""
        return [json.loads(line) for line in self.output().splitlines()]

    def bugs(self) -> list[dict[str, Any]]:
        """Give what its log has of errors that nobody had thought of."""
        return [line for line in self.log() if line["message"] == "Unexpected error"]

    def output(self) -> str:
        """Give all that it has written."""
        return self._log.read_text("utf-8", errors="replace")

    @property
    def _log(self) -> Path:
        return self.scratch / "log"


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Make all these calls at the same time."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result() for each in [threads.submit(call) for call in calls]]


def elapsed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    """Call, and give the answer with the seconds that it took."""
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
    """A service installed, its database migrated, and an issuer that it trusts.

    Attributes:
        server: the database's.
        environment: what the service needs in production.
        scratch: makes folders for logs and temporary files.
    """

    project: Project
    server: Database
    issuer: Issuer
    environment: dict[str, str]
    scratch: pytest.TempPathFactory

    @contextmanager
    def process(self, issuer: Issuer | None = None, /, **environment: str) -> Iterator[Service]:
        """Start the service, wait for nothing, and see to it that it is gone afterwards."""
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
        """Start the service and wait until it is ready; its callers have every scope."""
        with self.process(issuer, **environment) as service:
            service.wait_until_ready()
            yield service

    @property
    def database_url(self) -> str:
        """Where the database is."""
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
    """The default service, for what does not depend on the database."""
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
