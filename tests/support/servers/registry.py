"""An image registry for the tests; an image gets a digest when it is pushed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from . import docker
from .processes import Process, free_port, wait_until

REMEDY = "no registry: install Debian's docker-registry, or let Docker pull registry:2"


@contextmanager
def registry() -> Iterator[str]:
    """Run a registry and yield its address, the first part of image references.

    Raises:
        MissingServerError: it is not available on this machine.
    """
    port = free_port()
    address = f"127.0.0.1:{port}"
    if program := shutil.which("docker-registry"):
        with _local(program, address):
            yield address
    else:
        with docker.server("registry:2", f"{port}:5000", {}, REMEDY) as container:
            container.start()
            wait_until(lambda: _answers(address), "the registry")
            yield address


@contextmanager
def _local(program: str, address: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="registry-") as folder:
        config = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": f"{folder}/data"}},
            "http": {"addr": address},
        }
        Path(folder, "config.yml").write_text(yaml.safe_dump(config))
        process = Process([program, "serve", f"{folder}/config.yml"], log=Path(folder, "log"))
        process.start()
        try:
            process.wait_until(lambda: _answers(address), "the registry")
            yield
        finally:
            process.stop()


def _answers(address: str) -> bool:
    try:
        with urlopen(f"http://{address}/v2/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
