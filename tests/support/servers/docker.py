"""A Docker engine with Compose for the tests, and the images that they need.

The machine's engine is used if it responds. Otherwise (root on Debian with `docker.io`) the tests
run their own; its data stay in the cache, so images are built once. Images that it cannot pull are
built from `images/`: stubs that consist of Debian packages.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import MissingServerError, debian
from .debian import CACHE
from .processes import Process, ServerError

REMEDY = "no Docker engine: start one, or install docker.io and debootstrap on Debian and be root"
TEMPLATE = Path(__file__).resolve().parents[3]
IMAGES = Path(__file__).parent / "images"
CACHE_SIZE = "4GB"  # of the build cache
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def images() -> list[str]:
    """Return the public images that a rendered service names, for the default Python."""
    deploy = TEMPLATE / "<<cookiecutter.service_name>>" / "deploy"
    names = [
        name
        for path in sorted((deploy / "compose").glob("*.yaml"))
        for name in re.findall(r"image: (\S+:.+)$", path.read_text("utf-8"), re.M)
    ]
    return [python_image(), *names]


def infrastructure(*parts: str) -> list[str]:
    """Return the public images of the shared infrastructure of a workspace."""
    folder = TEMPLATE / "fleet" / "parts"
    names = []
    for part in parts:
        built = folder / part / "Dockerfile"
        file = built if built.exists() else folder / f"{part}.yaml"
        names += re.findall(r"(?:^FROM|image:) (\S+)", file.read_text("utf-8"), re.M)
    return names


def python_image() -> str:
    """Return the base image of a rendered service, for the default Python.

    PYTHON_IMAGE names it, as for the service itself, or else the Dockerfile, with its digest.
    """
    if name := os.environ.get("PYTHON_IMAGE"):
        return name
    python = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))["python_version"][0]
    dockerfile = TEMPLATE / "<<cookiecutter.service_name>>" / "deploy" / "Dockerfile"
    (name,) = re.findall(rf'"{python}": "(\S+)"', dockerfile.read_text("utf-8"))
    return str(name)


@dataclass
class Docker:
    """The command line of an engine.

    Attributes:
        ours: whether the tests run the engine, which may have stubs of public images.
    """

    ours: bool = False
    environment: dict[str, str] = field(default_factory=lambda: {"DOCKER_BUILDKIT": "1"})

    def __call__(
        self, *arguments: str | Path, cwd: Path | None = None, timeout: float = 900
    ) -> str:
        """Run `docker …` and return its output.

        Raises:
            ServerError: it failed; the message has its output.
        """
        done = self.run(*arguments, cwd=cwd, timeout=timeout)
        if done.returncode:
            command = " ".join(map(str, arguments))
            raise ServerError(
                f"docker {command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout.strip()

    def run(
        self, *arguments: str | Path, cwd: Path | None = None, timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker …` and return the process, even if it failed."""
        return subprocess.run(
            ["docker", *arguments],
            cwd=cwd,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def output(self, *arguments: str | Path) -> str:
        """Run `docker …` and return its output, even if it failed."""
        done = self.run(*arguments)
        return done.stdout + done.stderr

    def can(self, *arguments: str | Path) -> bool:
        """Return whether `docker …` succeeds."""
        return shutil.which("docker") is not None and self.run(*arguments).returncode == 0

    def has(self, image: str) -> bool:
        """Return whether an image is present or can be pulled."""
        return self.can("image", "inspect", image) or self.can("pull", "--quiet", image)

    def provide(self, *images: str) -> None:
        """Pull these images, or build stubs if nothing can be pulled.

        Raises:
            MissingServerError: neither is possible.
        """
        for image in images:
            # A stub has the name but not the digest; PYTHON_IMAGE is an argument of the Dockerfile.
            name = image.partition("@")[0] if self.ours else image
            if name != image:
                self.environment["PYTHON_IMAGE"] = name
            old = self.ours and _is_stand_in(self, name)
            if old or not self.has(name):
                _stand_in(self, name)


@dataclass(frozen=True)
class Container:
    """A server in a container, whose data and port persist."""

    docker: Docker
    name: str

    def start(self) -> None:
        """Start it; the caller waits until it responds."""
        self.docker("start", self.name)

    def stop(self) -> None:
        """Stop it gracefully."""
        self.docker("stop", self.name)

    def kill(self) -> None:
        """Kill it, like a crash."""
        self.docker("kill", self.name)


@contextmanager
def engine() -> Iterator[Docker]:
    """Yield the machine's engine, or run a separate one."""
    with ExitStack() as stack:
        docker = Docker()
        if docker.can("info"):
            docker.ours = docker("info", "--format={{.DockerRootDir}}") == str(CACHE / "docker")
        else:
            docker = stack.enter_context(_own_engine())
        if not (docker.can("compose", "version") and docker.can("buildx", "version")):
            docker.environment["DOCKER_CONFIG"] = str(_client() / "libexec/docker")
        # `docker stack deploy --detach` exists since 26.
        if "--detach" not in docker("stack", "deploy", "--help"):
            path = os.environ["PATH"]
            docker.environment["PATH"] = f"{_client() / 'bin'}{os.pathsep}{path}"
        yield docker


@contextmanager
def server(
    image: str, port: str, environment: Mapping[str, str], remedy: str
) -> Iterator[Container]:
    """Yield a container for a missing server, from its public image.

    Raises:
        MissingServerError: there is no engine, or it cannot pull; names the remedy.
    """
    docker = Docker()
    if not docker.can("info") or not docker.has(image):
        raise MissingServerError(remedy)
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    name = docker("create", f"--publish=127.0.0.1:{port}", *variables, image)
    try:
        yield Container(docker, name)
    finally:
        docker("rm", "--force", "--volumes", name)


@contextmanager
def _own_engine() -> Iterator[Docker]:
    missing = [name for name in ("docker", "dockerd", "debootstrap") if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        raise MissingServerError(f"{REMEDY} (missing here: {', '.join(missing) or 'root'})")
    data = CACHE / "docker"
    data.mkdir(parents=True, exist_ok=True)
    # Paths of sockets must be short, and only one engine may use the data.
    with (
        (CACHE / "docker.lock").open("w") as lock,
        tempfile.TemporaryDirectory(prefix="docker-", ignore_cleanup_errors=True) as folder,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        socket = f"unix://{folder}/socket"
        process = Process(
            [
                *("dockerd", "--host", socket, "--data-root", str(data)),
                *("--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"),
                # Without permission to lower the OOM score, the default prevents the start.
                *("--oom-score-adjust", "0"),
            ],
            log=Path(folder, "log"),
        )
        docker = Docker(ours=True)
        docker.environment["DOCKER_HOST"] = socket
        process.start()
        try:
            process.wait_until(lambda: docker.can("info"), "dockerd", 180)
            _sweep(docker)
            yield docker
            docker("builder", "prune", "--force", f"--keep-storage={CACHE_SIZE}")
        finally:
            process.stop()


def _sweep(docker: Docker) -> None:
    """Remove containers of a killed run, which restarted with the engine."""
    docker.run("swarm", "leave", "--force")
    if names := docker("ps", "--all", "--quiet").split():
        docker("rm", "--force", "--volumes", *names)
    docker("network", "prune", "--force")
    docker("volume", "prune", "--force")


def _client() -> Path:
    """Return docker, Compose and buildx of Debian's next suite, for the tests only."""
    if not shutil.which("apt-get"):
        raise MissingServerError("install docker 26 or newer, with Compose and buildx")
    return debian.unpacked("trixie", "docker-cli", "docker-compose", "docker-buildx") / "usr"


def _is_stand_in(docker: Docker, image: str) -> bool:
    found = docker.run("image", "inspect", "--format", "{{json .Config.Labels}}", image)
    return found.returncode == 0 and "stand-in" in (json.loads(found.stdout) or {})


def _stand_in(docker: Docker, image: str) -> None:
    """Build a stub image; unchanged layers come from the engine's cache."""
    name = image.rpartition("/")[2].split(":")[0]
    if not docker.ours or not (IMAGES / name).is_dir():
        raise MissingServerError(f"the image {image} is not here and cannot be pulled")
    if not docker.can("image", "inspect", "debootstrap:bookworm"):
        _debootstrap(docker, "bookworm")
    with tempfile.TemporaryDirectory() as context:
        _copy(CERTIFICATES, context)
        _copy(Path("/etc/pip.conf"), context)
        _build(docker, "debian", "debian:bookworm-slim", context)
    if name != "debian":
        _build(docker, name, image, IMAGES / name)


def _build(docker: Docker, name: str, tag: str, context: str | Path) -> None:
    dockerfile = IMAGES / name / "Dockerfile"
    docker("build", "--label=stand-in=true", f"--file={dockerfile}", f"--tag={tag}", context)


def _copy(source: Path, folder: str) -> None:
    target = Path(folder, source.name)
    target.write_bytes(source.read_bytes() if source.exists() else b"")


def _debootstrap(docker: Docker, suite: str) -> None:
    with tempfile.TemporaryDirectory(prefix="debootstrap-") as root:
        debian.run("debootstrap", "--variant=minbase", "--include=ca-certificates", suite, root)
        for leftover in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(Path(root, leftover))
        tar = subprocess.Popen(
            ["tar", "--directory", root, "--create", "."], stdout=subprocess.PIPE
        )
        subprocess.run(
            ["docker", "import", "-", f"debootstrap:{suite}"],
            env={**os.environ, **docker.environment},
            stdin=tar.stdout,
            check=True,
            stdout=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # gracefully, the engine first
    with engine() as prepared:
        prepared.provide(*images())
    print(f"{', '.join(images())}: there after {time.monotonic() - began:.0f} s")
