"""The BuildKit of the pipelines, whose builds are reproducible, unlike those of older engines.

It runs from its public image, or, if that cannot be pulled, as a process of the tests.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.tools.buildkit import daemon

from . import MissingServerError
from .docker import TEMPLATE, Docker, python_image
from .processes import Process

PIPELINE = TEMPLATE / "<<cookiecutter.service_name>>" / ".github" / "workflows" / "publish.yml"
PINNED = re.compile(r"image=(moby/buildkit:(v[\d.]+)@sha256:\w+)")


@contextmanager
def buildkit(docker: Docker, registry: str) -> Iterator[dict[str, str]]:
    """Run it, and yield the environment in which `docker build` uses it.

    `registry` is where it pushes, and where it finds the stub of an image that cannot be pulled.

    Raises:
        MissingServerError: it is not available on this machine.
    """
    match = PINNED.search(PIPELINE.read_text("utf-8"))
    assert match, PIPELINE
    if docker.has(match[1]):
        options = (f"--driver-opt=image={match[1]}", "--driver-opt=network=host")
        with _builder(docker, *options) as environment:
            yield environment
        return
    base = docker.environment.get("PYTHON_IMAGE", python_image())
    copy = f"{registry}/{base}"
    docker("tag", base, copy)
    docker("push", "--quiet", copy)
    with _process(match[2]) as socket, _builder(docker, "--driver=remote", socket) as environment:
        yield {**environment, "PYTHON_IMAGE": copy}


@contextmanager
def _builder(docker: Docker, *options: str) -> Iterator[dict[str, str]]:
    name = docker("buildx", "create", *options)
    try:
        yield {**docker.environment, "BUILDX_BUILDER": name}
    finally:
        docker("buildx", "rm", name)


@contextmanager
def _process(version: str) -> Iterator[str]:
    if not shutil.which("runc"):
        raise MissingServerError(
            "no BuildKit: let Docker pull moby/buildkit, or install runc and Go"
        )
    with tempfile.TemporaryDirectory(prefix="buildkit-", ignore_cleanup_errors=True) as folder:
        socket = f"unix://{folder}/socket"
        options = (f"--addr={socket}", f"--root={folder}/data", "--oci-worker-net=host")
        process = Process([str(daemon(version)), *options], log=Path(folder, "log"))
        process.start()
        try:
            there = Path(folder, "socket").exists
            process.wait_until(there, "buildkitd")
            yield socket
        finally:
            process.stop()
