"""etcd for the tests: one member without persistence."""

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from . import docker
from .processes import Process, free_port
from .store import Store

REMEDY = "no etcd: install it (Debian: etcd-server), or start Docker"
IMAGE = "quay.io/coreos/etcd:v3.6.16"


@contextmanager
def etcd() -> Iterator[Store]:
    """Run an etcd server.

    Raises:
        MissingServerError: it is not available on this machine.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    if program := shutil.which("etcd"):
        with tempfile.TemporaryDirectory(prefix="etcd-") as folder:
            member = _Member(_process(program, url, Path(folder)), Path(folder, "data"))
            with Store(url, "/health", member, _addresses).running() as store:
                yield store
    else:
        environment = {
            "ETCD_LISTEN_CLIENT_URLS": "http://0.0.0.0:2379",
            "ETCD_ADVERTISE_CLIENT_URLS": url,
        }
        with (
            docker.server(IMAGE, f"{port}:2379", environment, REMEDY) as container,
            Store(url, "/health", container, _addresses).running() as store,
        ):
            yield store


@dataclass(frozen=True)
class _Member:
    process: Process
    data: Path

    def start(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.process.start()

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()


def _process(program: str, url: str, folder: Path) -> Process:
    peer = f"http://127.0.0.1:{free_port()}"
    options = {
        "data-dir": str(folder / "data"),
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
    }
    command = [program, *(f"--{name}={value}" for name, value in options.items())]
    return Process(command, log=folder / "log")


def _addresses(url: str, service: str) -> set[str]:
    prefix = f"/services/{service}/"
    keys = {"key": prefix, "range_end": prefix[:-1] + chr(ord("/") + 1)}
    asked = {name: base64.b64encode(key.encode()).decode() for name, key in keys.items()}
    request = Request(f"{url}/v3/kv/range", json.dumps(asked).encode())
    with urlopen(request, timeout=2) as answer:
        found = json.load(answer).get("kvs", [])
    values = [json.loads(base64.b64decode(entry["value"])) for entry in found]
    return {f"{one['host']}:{one['port']}" for one in values}
