"""The server process: granian with workers, a drain before the stop."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing import util
from types import FrameType
from typing import Any

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from . import bootstrap, settings
from .app import create_app
from .platform import logs
from .platform.announcement import Announcement
from .platform.environ import SettingsError
from .platform.lifecycle import lifecycle
from .platform.shedding import SPARE_THREADS
from .settings import ServerSettings


class Server(MPServer):
    """Granian that drains first when it is asked to stop by SIGTERM.

    An orchestrator sends SIGTERM and tells its load balancers at the same time. Until they have
    heard of it, requests still come, and each is answered with `Connection: close`.
    """

    def __init__(self, how: ServerSettings, announcement: Announcement) -> None:
        super().__init__(
            f"{__name__}:application",
            factory=True,
            address=how.host,
            port=how.port,
            interface=Interfaces.WSGI,
            http=HTTPModes.http1,
            websockets=False,
            workers=how.workers,
            blocking_threads=how.threads,
            respawn_failed_workers=True,
            workers_kill_timeout=how.grace_seconds,
            log_level=LogLevels.info,
            log_dictconfig={"handlers": {}, "loggers": {"_granian": {"propagate": True}}},
        )
        self.main_loop_interrupt = _Interrupt()
        self._announcement = announcement
        self._more_threads = how.queue + SPARE_THREADS
        self._drain_seconds = how.drain_seconds
        self._asked_by: int | None = None

    def startup(self, *args: Any, **kwargs: Any) -> None:
        """Start the workers, and let others know once they serve."""
        # Granian warns of as many as are busy at once; these wait, or have little to do.
        self.blocking_threads += self._more_threads
        super().startup(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._announcement.start()

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Note who asked: whoever types Ctrl-C does not want to wait for a drain."""
        self._asked_by = args[0]
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]

    def shutdown(self, exit_code: int = 0) -> None:
        """Withdraw, drain, then stop."""
        self._announcement.withdraw()
        # Without a drain no SIGUSR1: a worker that gets it together with SIGTERM may miss one.
        if self._asked_by == signal.SIGTERM and self._drain_seconds:
            for worker in self.wrks:
                with suppress(ProcessLookupError):  # it has just died, and needs no drain
                    os.kill(worker.inner.pid, signal.SIGUSR1)
            time.sleep(self._drain_seconds)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


class _Interrupt(threading.Event):
    """Waits in short steps: a signal that another thread was given wakes no endless wait."""

    def wait(self, timeout: float | None = None) -> bool:
        while not super().wait(0.5 if timeout is None else timeout):
            if timeout is not None:
                return False
        return True


def application() -> Flask:
    """Make the application of one worker, in its process."""
    app = create_app()
    life = lifecycle(app)

    def drain(_: int, __: FrameType | None) -> None:
        life.drain()

    signal.signal(signal.SIGUSR1, drain)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    # A worker ends like any multiprocessing child: not by way of atexit.
    util.Finalize(app, life.stop, exitpriority=10)
    life.start()
    return app


def main() -> None:
    """Serve until asked to stop."""
    try:
        given = bootstrap.read_settings(os.environ)
        bootstrap.connect(given).close()  # connects to nothing yet, but knows a wrong URL
        bootstrap.listening(given).check()
    except SettingsError as error:
        sys.exit(f"{settings.SERVICE_NAME} can't start:\n" + _indented(error))
    logs.configure(given[logs.Settings])
    # Until a worker has its own handlers, a signal ends it: the inherited ones would swallow it.
    os.register_at_fork(after_in_child=_reset_signals)
    Server(given[ServerSettings], bootstrap.announcement(given)).serve()


def _reset_signals() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A terminal's Ctrl-C reaches all processes, but the server tells its workers itself; two
    # signals at once can leave one waiting for ever. SIGUSR1 is held back until it can drain.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGUSR1})


def _indented(error: SettingsError) -> str:
    return "\n".join(f"  {problem}" for problem in error.problems)
