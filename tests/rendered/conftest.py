"""The default service, installed by its Makefile, once for all tests of this folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.rendering import render
from tests.support.servers.processes import Process, free_port
from tests.support.verbs import OURS, make


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service of the default answers, right after generation."""
    return render(tmp_path_factory.mktemp("workspace"))


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Client:
    """Calls one service, with a token if it has one."""

    address: str
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a request; `if_match` becomes the header If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(
            self.address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self.headers, **named},
        )
        try:
            with urlopen(request, timeout=60) as answer:
                return _read(answer.status, answer)
        except HTTPError as error:
            with error:
                return _read(error.code, error)

    def ready(self) -> bool:
        """Return whether the service says that it is."""
        try:
            return self("GET", "/health/ready").status == 200
        except OSError:
            return False


def _read(status: int, answer: Any) -> Answer:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    text = answer.read()
    is_json = "json" in headers.get("content-type", "")
    return Answer(status, headers, json.loads(text) if is_json else text)


@pytest.fixture(scope="session")
def running(service: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The service under `make run`, and a client with the token of `make token`."""
    port = free_port()
    process = Process(
        [
            *("env", "-C", str(service), *(f"--unset={name}" for name in OURS)),
            *(f"PORT={port}", "SHUTDOWN_DRAIN_SECONDS=0", "make", "run"),
        ],
        log=tmp_path_factory.mktemp("log") / "run.log",
    )
    process.start()
    try:
        client = Client(f"http://127.0.0.1:{port}")
        process.wait_until(client.ready, "make run", 300)
        yield Client(client.address, {"Authorization": f"Bearer {make(service, 'token')}"})
    finally:
        process.stop()
