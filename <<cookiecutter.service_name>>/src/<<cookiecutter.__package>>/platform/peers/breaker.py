"""A circuit breaker for each peer: after some failures in a row nobody calls it for a while."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from prometheus_client import Gauge
from pybreaker import (
    STATE_CLOSED,
    STATE_HALF_OPEN,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitBreakerState,
    CircuitMemoryStorage,
)

from .messages import ConnectionFailed, PeerUnavailable, Response

_NUMBERS = {STATE_CLOSED: 0, STATE_HALF_OPEN: 1, STATE_OPEN: 2}

BREAKER_STATE = Gauge(
    "circuit_breaker_state",
    "State of the circuit breaker: 0 closed, 1 half open, 2 open.",
    ("peer",),
    multiprocess_mode="mostrecent",
)

logger = logging.getLogger(__name__)


class Breaker:
    """Counts connections that fail and 5xx; after a pause one call probes whether it is over.

    pybreaker holds a lock while it calls. So that calls run side by side, it is only told how they
    went; the probe alone is called by it.
    """

    def __init__(self, peer: str, failures: int, seconds: float) -> None:
        self._peer = peer
        self._seconds = seconds
        self._probing = threading.Lock()
        self._breaker = CircuitBreaker(
            fail_max=failures,
            reset_timeout=seconds,
            listeners=[_Report()],
            state_storage=_Storage(STATE_CLOSED),
            name=peer,
            throw_new_error_on_trip=False,
        )
        BREAKER_STATE.labels(peer).set(_NUMBERS[STATE_CLOSED])

    def call(self, send: Callable[[], Response], *, telling: bool = True) -> Response:
        """Give the response, if the circuit lets the call through.

        A call that is not `telling` neither counts nor probes.

        Raises:
            PeerUnavailable: the circuit is open, and the peer was not called.
        """
        try:
            if not self._is_closed():
                return self._probe(send, telling)
            return self._call(send) if telling else send()
        except _ServerError as error:
            return error.response

    def _is_closed(self) -> bool:
        return self._breaker.current_state == STATE_CLOSED

    def _call(self, send: Callable[[], Response]) -> Response:
        try:
            response = _checked(send)
        except (ConnectionFailed, _ServerError) as error:
            self._tell(error)
            raise
        self._tell(None)
        return response

    def _tell(self, error: Exception | None) -> None:
        def outcome() -> None:
            if error:
                raise error

        # While the circuit is not closed, only the probe counts.
        if self._is_closed():
            with suppress(ConnectionFailed, _ServerError, CircuitBreakerError):
                self._breaker.call(outcome)

    def _probe(self, send: Callable[[], Response], telling: bool) -> Response:
        if not telling or not self._probing.acquire(blocking=False):
            raise self._open()
        try:
            if self._is_closed():  # the probe before this one has just ended
                return self._call(send)
            return self._breaker.call(_checked, send)
        except CircuitBreakerError as error:
            raise self._open() from error
        finally:
            self._probing.release()

    def _open(self) -> PeerUnavailable:
        return PeerUnavailable(self._peer, "the circuit breaker is open", self._seconds)


class _Storage(CircuitMemoryStorage):
    """Knows how long the circuit has been open, even if the clock was set meanwhile."""

    _opened = 0.0

    @property
    def opened_at(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - self._opened)

    @opened_at.setter
    def opened_at(self, _: datetime) -> None:
        self._opened = time.monotonic()


class _ServerError(Exception):
    """A response that counts as a failure."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(f"status {response.status}")


class _Report(CircuitBreakerListener):
    """Tells metrics and log about every change, and the log what opened the circuit."""

    _failure = ""

    def failure(self, cb: CircuitBreaker, exc: BaseException) -> None:  # noqa: ARG002 (pybreaker's signature)
        """Keep the reason: pybreaker tells it first, and then that the circuit opens."""
        self._failure = str(exc)

    def state_change(
        self,
        cb: CircuitBreaker,
        old_state: CircuitBreakerState | None,  # noqa: ARG002 (pybreaker's signature)
        new_state: CircuitBreakerState,
    ) -> None:
        BREAKER_STATE.labels(cb.name).set(_NUMBERS[new_state.name])
        state = new_state.name
        if state == STATE_OPEN:
            state += f": {self._failure}"
        logger.warning("The circuit breaker of %s is %s", cb.name, state, extra={"peer": cb.name})


def _checked(send: Callable[[], Response]) -> Response:
    response = send()
    if response.status >= 500:
        raise _ServerError(response)
    return response
