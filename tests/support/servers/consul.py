"""Consul for the tests: one agent without persistence."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from . import debian, docker
from .processes import Process, ServerError, free_port
from .store import Store

REMEDY = "no Consul: put it on PATH, or start Docker (Debian 12: bullseye's package is used)"
IMAGE = "hashicorp/consul:1.22"


@contextmanager
def consul() -> Iterator[Store]:
    """Run a Consul agent in development mode.

    Raises:
        MissingServerError: it is not available on this machine.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    if program := _program():
        with tempfile.TemporaryDirectory(prefix="consul-") as folder:
            process = Process(_command(program, port), log=Path(folder, "log"))
            with Store(url, "/v1/status/leader", process, _addresses).running() as store:
                yield store
    else:
        with (
            docker.server(IMAGE, f"{port}:8500", {}, REMEDY) as container,
            Store(url, "/v1/status/leader", container, _addresses).running() as store,
        ):
            yield store


def _program() -> str | None:
    if found := shutil.which("consul"):
        return found
    if not shutil.which("apt-get"):
        return None
    try:
        # The last Debian with a package.
        return str(debian.unpacked("bullseye", "consul") / "usr/bin/consul")
    except ServerError:
        return None


def _command(program: str, port: int) -> list[str]:
    others = {
        name: str(free_port()) for name in ("-dns-port", "-serf-lan-port", "-serf-wan-port")
    } | {"-server-port": str(free_port()), "-grpc-port": "-1", "-http-port": str(port)}
    return [
        *(program, "agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1"),
        *(f"{option}={value}" for option, value in others.items()),
    ]


def _addresses(url: str, service: str) -> set[str]:
    with urlopen(f"{url}/v1/health/service/{service}?passing=true", timeout=2) as answer:
        found = [entry["Service"] for entry in json.load(answer)]
    return {f"{one['Address']}:{one['Port']}" for one in found}
