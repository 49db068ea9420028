"""The default service, installed by its Makefile, once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http import Client
from tests.support.rendering import render
from tests.support.servers.processes import Process, free_port
from tests.support.verbs import OURS, make


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service of the default answers, right after generation."""
    return render(tmp_path_factory.mktemp("workspace"))


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
        process.wait_until(Client(port, token="").is_ready, "make run", 300)
        yield Client(port, make(service, "token"))
    finally:
        process.stop()
