"""Announces this process to a registry of services once it is ready, and until it is to stop.

The process asks itself whether it is ready, as a platform's probe would. When it is not for a while
it is taken out of the registry, and entered again when it is; a registry that was away, or has
forgotten it, is told again.
"""

import logging
import random
import threading
from http.client import HTTPConnection, HTTPException
from typing import Protocol

from .announcer_address import EVERYWHERE
from .announcer_problems import Problems

# How long an entry outlives a process that was killed.
TTL_SECONDS = 10
_BEAT_SECONDS = 2.0
_DOUBTFUL_SECONDS = 1.0
_UNREADY_BEATS = 3
_READY_SECONDS = 2.0
_WITHDRAW_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Registry(Protocol):
    """Where instances are entered. Both methods may fail with any error, and wait a second or so."""

    name: str

    def announce(self) -> None:
        """Enter this process, or confirm its entry before it expires."""
        ...

    def withdraw(self) -> None:
        """Take it out, if it was entered."""
        ...


class Announcer:
    """Announcement by a thread that asks `host:port` for readiness."""

    def __init__(self, registry: Registry, host: str, port: int) -> None:
        self._registry = registry
        self._asked = EVERYWHERE.get(host, host), port
        self._entered = False
        self._unready = 0
        self._problems = Problems()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Announce the process when it is ready."""
        self._thread.start()

    def withdraw(self) -> None:
        """Take the process out of the registry; what takes too long goes on in the background."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(_WITHDRAW_SECONDS)

    def _run(self) -> None:
        while not self._over.is_set():
            self._beat()
            doubtful = 0 < self._unready <= _UNREADY_BEATS
            usual = _DOUBTFUL_SECONDS if doubtful else _BEAT_SECONDS
            # Not all processes at the same moment.
            self._over.wait(usual * random.uniform(0.8, 1.2))  # noqa: S311
        self._withdraw("it stops")

    def _beat(self) -> None:
        self._unready = 0 if self._is_ready() else self._unready + 1
        if not self._unready or (self._entered and self._unready < _UNREADY_BEATS):
            self._announce()
        elif self._entered:
            self._withdraw("it is not ready")

    def _is_ready(self) -> bool:
        connection = HTTPConnection(*self._asked, timeout=_READY_SECONDS)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _announce(self) -> None:
        try:
            self._registry.announce()
        except Exception as error:  # whatever it is, the next beat tries again
            self._fails(error)
            return
        if self._problems.end() or not self._entered:
            logger.info("Announced to %s", self._registry.name)
        self._entered = True

    def _withdraw(self, reason: str) -> None:
        entered, self._entered = self._entered, False
        try:
            self._registry.withdraw()
        except Exception as error:  # an entry that nobody confirms expires by itself
            self._fails(error)
            return
        if entered:
            logger.info("Withdrawn from %s: %s", self._registry.name, reason)

    def _fails(self, error: Exception) -> None:
        if self._problems.is_new(error):
            logger.warning("%s can't be told of this instance: %s", self._registry.name, error)
