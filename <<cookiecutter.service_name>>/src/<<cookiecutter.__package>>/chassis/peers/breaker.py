"""Circuit breaker: after a number of consecutive failures, calls to the peer fail fast."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pybreaker
from prometheus_client import Gauge
from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN

from .messages import ConnectionFailed, PeerUnavailable, Request, Response, Transport
from .settings import PeerCallSettings

_CONCLUSIVE_SHARE = 0.1
_NUMBERS = {STATE_CLOSED: 0, STATE_HALF_OPEN: 1, STATE_OPEN: 2}

BREAKER_STATE = Gauge(
    "circuit_breaker_state",
    "State of the circuit breaker: 0 closed, 1 half open, 2 open.",
    ("peer",),
    multiprocess_mode="mostrecent",
)

logger = logging.getLogger(__name__)


class CircuitBreaker:
    """Counts failed connections and 5xx; when open, one probe after a pause decides.

    pybreaker holds a lock during a call. For calls to run concurrently it is only told their
    outcome; the probe alone runs inside it.
    """

    def __init__(self, peer: str, transport: Transport, settings: PeerCallSettings) -> None:
        self._peer = peer
        self._transport = transport
        self._seconds = settings.breaker_seconds
        # A shorter call that times out says little about the peer.
        self._conclusive_seconds = settings.attempt_timeout_seconds * _CONCLUSIVE_SHARE
        self._probing = threading.Lock()
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=settings.breaker_failures,
            reset_timeout=self._seconds,
            listeners=[_Report()],
            state_storage=_Storage(STATE_CLOSED),
            name=peer,
            throw_new_error_on_trip=False,
        )
        BREAKER_STATE.labels(peer).set(_NUMBERS[STATE_CLOSED])

    def send(self, request: Request, timeout: float) -> Response:
        """Return the response, if the circuit lets the call through.

        A call with hardly any time left neither counts nor probes.

        Raises:
            PeerUnavailable: the circuit is open, and the peer was not called.
        """

        def send() -> Response:
            return self._transport.send(request, timeout)

        conclusive = timeout > self._conclusive_seconds
        try:
            if not self._is_closed():
                return self._probe(send, conclusive)
            return self._call(send) if conclusive else send()
        except _ServerError as error:
            return error.response

    def _is_closed(self) -> bool:
        return self._breaker.current_state == STATE_CLOSED

    def _call(self, send: Callable[[], Response]) -> Response:
        try:
            response = _checked(send)
        except (ConnectionFailed, _ServerError) as error:
            self._record(error)
            raise
        self._record(None)
        return response

    def _record(self, error: Exception | None) -> None:
        def outcome() -> None:
            if error:
                raise error

        # While the circuit is not closed, only the probe counts.
        if self._is_closed():
            with suppress(ConnectionFailed, _ServerError, pybreaker.CircuitBreakerError):
                self._breaker.call(outcome)

    def _probe(self, send: Callable[[], Response], conclusive: bool) -> Response:
        if not conclusive or not self._probing.acquire(blocking=False):
            raise self._open()
        try:
            if self._is_closed():  # the probe before this one has just ended
                return self._call(send)
            return self._breaker.call(_checked, send)
        except pybreaker.CircuitBreakerError as error:
            raise self._open() from error
        finally:
            self._probing.release()

    def _open(self) -> PeerUnavailable:
        return PeerUnavailable(self._peer, "the circuit breaker is open", self._seconds)


class _Storage(pybreaker.CircuitMemoryStorage):
    """Measures how long the circuit has been open by the monotonic clock."""

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


class _Report(pybreaker.CircuitBreakerListener):
    """Reports every change of state as a metric and a log line, with what opened the circuit."""

    _failure = ""

    def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:  # noqa: ARG002 (pybreaker's signature)
        """Remember the reason: pybreaker reports it before the change of state."""
        self._failure = str(exc)

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,  # noqa: ARG002 (pybreaker's signature)
        new_state: pybreaker.CircuitBreakerState,
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
