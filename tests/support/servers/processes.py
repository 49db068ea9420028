"""Processes of the tests' servers: started with a log, awaited, and stopped by their own pid."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

# Below the ephemeral range, so that a port stays free while its server is stopped, and a client
# cannot connect to itself.
PORTS = range(20_000, 32_000)
_given: set[int] = set()


class ServerError(Exception):
    """A server did not start or stop; the message has its log."""


def free_port() -> int:
    """Return an unused port of this machine, another one each time."""
    while True:
        port = random.choice(PORTS)  # noqa: S311
        if port not in _given:
            with suppress(OSError), socket.socket() as probe:
                probe.bind(("", port))
                _given.add(port)
                return port


def unprivileged(*names: str) -> str | None:
    """Return the first of these users that exists, for servers that refuse to run as root."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*names, "nobody") if name in users)


class Process:
    """A server that can be stopped, killed and restarted.

    With `setpriv` (Linux) it ends with the tests, even if they are killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        if setpriv := shutil.which("setpriv"):
            command = [setpriv, "--pdeathsig", "KILL", *command]
        self._command = command
        self._log = log
        self._user = user
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; the caller waits until it responds."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                group=pwd.getpwnam(self._user).pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until it is ready.

        Raises:
            ServerError: it has exited or timed out; the message has the end of its log.
        """
        try:
            wait_until(lambda: self.has_ended() or ready(), what, seconds)
        except TimeoutError as error:
            raise ServerError(f"{error}:\n{self.tail()}") from None
        if self.has_ended():
            raise ServerError(f"{what} has ended:\n{self.tail()}")

    def stop(self, patience: float = 60) -> None:
        """Stop it gracefully and wait for its end."""
        self._end(self._stop_signal, patience)

    def kill(self) -> None:
        """Kill it, like a crash."""
        self._end(signal.SIGKILL, 60)

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def has_ended(self) -> bool:
        """Return whether it is not running."""
        return self._process is None or self._process.poll() is not None

    def tail(self) -> str:
        """Return the end of its log."""
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""

    def _end(self, how: signal.Signals, patience: float) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ServerError(f"{self._command} ignored {how.name}:\n{self.tail()}") from None
        finally:
            self._process = None


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until `ready` says so.

    Raises:
        TimeoutError: it did not within the given seconds.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)
