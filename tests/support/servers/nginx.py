"""nginx for the tests, with the configuration of a workspace's gateway."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import MissingServerError, debian
from .processes import Process, ServerError, free_port

REMEDY = "no nginx: put it on PATH (Debian's package is used where there is apt-get)"


@dataclass(frozen=True)
class Gateway:
    """A running gateway.

    Attributes:
        configuration: the folder that it reads, as mounted into the container.
        prefix: the folder that it writes to.
    """

    port: int
    process: Process
    log: Path
    configuration: Path
    prefix: Path

    def children(self) -> set[str]:
        """Return the ids of its processes: nginx workers, and the watcher of the routes."""
        pid = int((self.prefix / "nginx.pid").read_text())
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@contextmanager
def gateway(nginx: Path, source: Path, scratch: Path, resolver: str) -> Iterator[Gateway]:
    """Run the gateway of `source`; only the two addresses that Docker sets are replaced."""
    port = free_port()
    copied = scratch / "configuration"
    copied.mkdir()
    for name in ("routes.conf", "run.sh"):
        (copied / name).symlink_to(source / name)
    text = (source / "nginx.conf").read_text("utf-8")
    for docker, ours in {
        "resolver 127.0.0.11 ": f"resolver {resolver} ",
        "listen 8080;": f"listen 127.0.0.1:{port};",
    }.items():
        before, found, after = text.partition(docker)
        if not found:
            raise ServerError(f"{source}/nginx.conf has no {docker!r}")
        text = before + ours + after
    (copied / "nginx.conf").write_text(text)
    prefix = scratch / "prefix"
    prefix.mkdir()
    command = ["sh", f"{copied}/run.sh", str(nginx), "-e", "stderr"]
    command += ["-p", str(prefix), "-c", f"{copied}/nginx.conf"]
    # nginx's default user could not write into a folder of root.
    user = "user root; " if os.geteuid() == 0 else ""
    process = Process([*command, "-g", f"{user}daemon off;"], log=scratch / "log")
    process.start()
    try:
        yield Gateway(port, process, scratch / "log", copied, prefix)
    finally:
        process.stop()


def program() -> Path:
    """Return the path of nginx.

    Raises:
        MissingServerError: it is not available on this machine.
    """
    if found := shutil.which("nginx"):
        return Path(found)
    if not shutil.which("apt-get"):
        raise MissingServerError(REMEDY)
    try:
        return debian.unpacked("bookworm", "nginx") / "usr/sbin/nginx"
    except ServerError as error:
        raise MissingServerError(f"{REMEDY}: {error}") from error
