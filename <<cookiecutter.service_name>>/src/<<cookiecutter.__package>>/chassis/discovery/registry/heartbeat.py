"""Registers this process with the service registry while it is ready.

The process probes its own readiness as an orchestrator would. Unready for a while, it deregisters;
ready again, it registers again, as it does with a registry that was away or lost the entry.
"""

import logging
import random
import threading
from http.client import HTTPConnection, HTTPException

from . import Registrar
from .address import WILDCARDS
from .errors import Problems

# Time after which the entry of a killed process expires.
TTL_SECONDS = 10
_BEAT_SECONDS = 2.0
_DOUBTFUL_SECONDS = 1.0
_UNREADY_BEATS = 3
_READY_SECONDS = 2.0
_DEREGISTER_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Heartbeat:
    """Keeps an instance registered from a thread that probes `host:port` for readiness."""

    def __init__(self, registrar: Registrar, host: str, port: int) -> None:
        self._registrar = registrar
        self._probed = WILDCARDS.get(host, host), port
        self._registered = False
        self._unready = 0
        self._problems = Problems()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Register the process as soon as it is ready."""
        self._thread.start()

    def stop(self) -> None:
        """Deregister; a slow registry is left to the background thread."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(_DEREGISTER_SECONDS)

    def _run(self) -> None:
        while not self._over.is_set():
            self._beat()
            doubtful = 0 < self._unready <= _UNREADY_BEATS
            usual = _DOUBTFUL_SECONDS if doubtful else _BEAT_SECONDS
            # Jitter, so that processes do not beat at the same moment.
            self._over.wait(usual * random.uniform(0.8, 1.2))  # noqa: S311
        self._deregister("the process stops")

    def _beat(self) -> None:
        self._unready = 0 if self._is_ready() else self._unready + 1
        if not self._unready or (self._registered and self._unready < _UNREADY_BEATS):
            self._register()
        elif self._registered:
            self._deregister("the process is not ready")

    def _is_ready(self) -> bool:
        connection = HTTPConnection(*self._probed, timeout=_READY_SECONDS)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _register(self) -> None:
        try:
            self._registrar.register()
        except Exception as error:  # of any kind: the next beat tries again
            self._report(error)
            return
        if self._problems.end() or not self._registered:
            logger.info("Registered with %s", self._registrar.name)
        self._registered = True

    def _deregister(self, reason: str) -> None:
        was_registered, self._registered = self._registered, False
        try:
            self._registrar.deregister()
        except Exception as error:  # of any kind: an unconfirmed entry expires by itself
            self._report(error)
            return
        if was_registered:
            logger.info("Deregistered from %s: %s", self._registrar.name, reason)

    def _report(self, error: Exception) -> None:
        if self._problems.is_new(error):
            logger.warning("Cannot register with %s: %s", self._registrar.name, error)
