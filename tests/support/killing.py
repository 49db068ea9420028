"""Kill a process between any two of its steps on files."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.stubs import contents


def put_back(workspace: Path, files: dict[str, bytes]) -> None:
    """Restore the workspace's own files to this content."""
    for name in contents(workspace):
        (workspace / name).unlink()
    for name, content in files.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_bytes(content)


def forked(act: Callable[[], object], steps: int) -> bool:
    """Run an action in a child that is killed at its n-th step on files.

    Return whether it finished before.
    """
    if (child := os.fork()) == 0:
        left = steps

        def stop(event: str, _arguments: object) -> None:
            nonlocal left
            if event in {"open", "os.rename", "os.remove", "os.chmod", "fcntl.flock"}:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(stop)
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
