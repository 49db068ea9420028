"""The server process: granian with worker processes, drained before it stops."""

import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing import util
from types import FrameType
from typing import Any, Protocol

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer
from pydantic import Field, NonNegativeFloat, PositiveInt

from ..lifecycle import lifecycle
from ..settings import ExtensionSettings, Settings
from .load_shedding import SPARE_THREADS, LoadSheddingSettings


class ServerSettings(ExtensionSettings):
    """Address, worker processes and shutdown of the server."""

    host: str = Field(default="127.0.0.1", alias="HOST")
    """IP address to listen on; `::` is all of them, IPv4 included."""
    port: int = Field(default=8000, ge=1, le=65535, alias="PORT")
    """Port to listen on."""
    workers: PositiveInt = Field(default=1, alias="WEB_CONCURRENCY")
    """Worker processes; one for each core is best."""
    drain_seconds: NonNegativeFloat = Field(default=5, alias="SHUTDOWN_DRAIN_SECONDS")
    """After SIGTERM: time to go on serving while not ready, until load balancers have noticed."""
    grace_seconds: PositiveInt = Field(default=20, alias="SHUTDOWN_GRACE_SECONDS")
    """After that: time for requests in flight to finish."""


class Registration(Protocol):
    """Registration of this process with a service registry; never fails, never blocks for long."""

    def start(self) -> None:
        """Register as soon as the process is ready, and stay registered."""

    def stop(self) -> None:
        """Deregister; the process goes on serving for a while."""


class Server(MPServer):
    """Granian that drains before it stops on SIGTERM.

    An orchestrator sends SIGTERM and updates its load balancers at the same time. Until they have
    caught up requests still arrive, and each is answered with `Connection: close`.
    """

    def __init__(self, target: str, settings: Settings, registration: Registration) -> None:
        """Serve the application factory `target`, as in `PACKAGE.commands.serve:application`."""
        server, concurrency = settings[ServerSettings], settings[LoadSheddingSettings]
        super().__init__(
            target,
            factory=True,
            address=server.host,
            port=server.port,
            interface=Interfaces.WSGI,
            http=HTTPModes.http1,
            websockets=False,
            workers=server.workers,
            blocking_threads=concurrency.threads,
            respawn_failed_workers=True,
            workers_kill_timeout=server.grace_seconds,
            log_level=LogLevels.info,
            log_dictconfig={"handlers": {}, "loggers": {"_granian": {"propagate": True}}},
        )
        self.main_loop_interrupt = _Interrupt()
        self._registration = registration
        self._more_threads = concurrency.queue + SPARE_THREADS
        self._drain_seconds = server.drain_seconds
        self._received: int | None = None

    def serve(self, *args: Any, **kwargs: Any) -> None:
        """Serve until a signal stops the process."""
        # Until a worker has its own handlers, a signal ends it: inherited ones would swallow it.
        os.register_at_fork(after_in_child=_reset_signals)
        super().serve(*args, **kwargs)

    def startup(self, *args: Any, **kwargs: Any) -> None:
        """Start the workers, then register."""
        # Set after granian's check of the number of busy threads; most of these wait.
        self.blocking_threads += self._more_threads
        super().startup(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._registration.start()

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Remember the signal: Ctrl-C does not drain."""
        self._received = args[0]
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]

    def shutdown(self, exit_code: int = 0) -> None:
        """Deregister, drain, then stop."""
        self._registration.stop()
        # Without a drain no SIGUSR1: a worker that gets it together with SIGTERM may miss one.
        if self._received == signal.SIGTERM and self._drain_seconds:
            for worker in self.wrks:
                with suppress(ProcessLookupError):  # it has just ended, and needs no drain
                    os.kill(worker.inner.pid, signal.SIGUSR1)
            time.sleep(self._drain_seconds)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


class _Interrupt(threading.Event):
    """Wait in short steps: a signal delivered to another thread does not end an endless wait."""

    def wait(self, timeout: float | None = None) -> bool:
        while not super().wait(0.5 if timeout is None else timeout):
            if timeout is not None:
                return False
        return True


def run_in_worker(app: Flask) -> None:
    """Bind the lifecycle of the application to this worker process."""
    life = lifecycle(app)

    def drain(_: int, __: FrameType | None) -> None:
        life.drain()

    signal.signal(signal.SIGUSR1, drain)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    # A worker ends like any multiprocessing child, without atexit.
    util.Finalize(app, life.stop, exitpriority=10)
    life.start()


def _reset_signals() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A terminal's Ctrl-C reaches all processes, but the server stops its workers itself; two
    # signals at once can leave one waiting endlessly. SIGUSR1 is blocked until it can drain.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGUSR1})
