"""Resilience as a decorator of a transport: bulkhead, retries, circuit breaker, fallback.

A call takes no longer than its own limit and the time left for the request that it serves. It is
retried only if it may be sent twice, after a pause of full jitter ("Exponential Backoff And
Jitter", AWS Architecture Blog), and within a budget that all calls to a peer share ("Addressing
Cascading Failures", Google's SRE book).
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, Retrying

from . import deadline
from .peers.breaker import Breaker
from .peers.messages import ConnectionFailed, PeerUnavailable, Request, Response, Transport
from .peers.settings import PeersSettings

Fallback = Callable[[Request, PeerUnavailable], Response]

_WORTH_ANOTHER_TRY = frozenset({429, 502, 503, 504})
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0
_LONGEST_ASKED_SECONDS = 86_400.0
_SAVED_RETRIES = 10.0
_TELLING_SHARE = 0.1

logger = logging.getLogger(__name__)


class Resilient:
    """Calls through a transport as long as that makes sense, and no longer."""

    def __init__(
        self,
        peer: str,
        transport: Transport,
        settings: PeersSettings,
        fallback: Fallback | None = None,
    ) -> None:
        self._peer = peer
        self._transport = transport
        self._fallback = fallback
        self._attempt_seconds = settings.attempt_timeout_seconds
        self._max_attempts = settings.max_attempts
        self._bulkhead = threading.BoundedSemaphore(settings.max_concurrent_calls)
        self._breaker = Breaker(peer, settings.breaker_failures, settings.breaker_seconds)
        self._budget = RetryBudget(settings.retry_share)
        self._retrying = Retrying(
            retry=_is_worth_another_try,
            wait=_pause,
            stop=self._is_enough,
            retry_error_callback=_last_outcome,
        )

    def send(self, request: Request, timeout: float) -> Response:
        """Give the peer's response, or the fallback's.

        Raises:
            PeerUnavailable: there is none, or it says that the peer can't answer (429, 5xx).
            DeadlineExceeded: the time of the request that this call serves is up.
        """
        try:
            return self._send(request, timeout)
        except PeerUnavailable as error:
            if self._fallback is None:
                raise
            return self._fallback(request, error)

    def _send(self, request: Request, timeout: float) -> Response:
        left = deadline.remaining()
        until = time.monotonic() + (timeout if left is None else min(timeout, left))
        if not self._bulkhead.acquire(blocking=False):
            raise PeerUnavailable(self._peer, "too many calls wait for it already", 1)
        self._budget.earn()
        try:
            response = self._retrying(self._attempt, request, until)
        except ConnectionFailed as error:
            deadline.check()
            # Its text names addresses, which are nobody's business outside.
            logger.warning("Calling %s failed: %s", self._peer, error, extra={"peer": self._peer})
            raise PeerUnavailable(self._peer, "no connection to it lasted long enough") from error
        finally:
            self._bulkhead.release()
        if response.status >= 500 or response.status == 429:
            pause = _retry_after(response.headers)
            raise PeerUnavailable(self._peer, f"it answers {response.status}", pause)
        return response

    def _attempt(self, request: Request, until: float) -> Response:
        timeout = min(self._attempt_seconds, until - time.monotonic())
        if timeout <= 0:
            raise ConnectionFailed("the time is up")
        # Whoever has hardly any time left knows nothing of the peer when that is over.
        telling = timeout > self._attempt_seconds * _TELLING_SHARE
        return self._breaker.call(lambda: self._transport.send(request, timeout), telling=telling)

    def _is_enough(self, state: RetryCallState) -> bool:
        until: float = state.args[1]
        return (
            state.attempt_number >= self._max_attempts
            or time.monotonic() + state.upcoming_sleep >= until
            or not self._budget.spend()
        )


class RetryBudget:
    """Allows retries as a share of first attempts; some are saved for worse times."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._saved = 0.0
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Note a first attempt."""
        with self._lock:
            self._saved = min(self._saved + self._share, _SAVED_RETRIES)

    def spend(self) -> bool:
        """Take a retry, if there is one."""
        with self._lock:
            if self._saved < 1:
                return False
            self._saved -= 1
            return True


def _is_worth_another_try(state: RetryCallState) -> bool:
    request: Request = state.args[0]
    if state.outcome is None or not request.repeatable:
        return False
    if state.outcome.failed:
        return isinstance(state.outcome.exception(), ConnectionFailed)
    return state.outcome.result().status in _WORTH_ANOTHER_TRY


def _pause(state: RetryCallState) -> float:
    """Give the seconds to wait: full jitter, on top of what the peer asks all its callers for."""
    longest = min(_FIRST_PAUSE_SECONDS * 2 ** (state.attempt_number - 1), _LONGEST_PAUSE_SECONDS)
    asked = 0.0
    if state.outcome is not None and not state.outcome.failed:
        asked = _retry_after(state.outcome.result().headers) or 0
    return asked + random.uniform(0, longest)  # noqa: S311


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Give the seconds that a response asks to wait for (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "")
    try:
        if text.isascii() and text.isdigit():
            seconds = float(text)
        else:
            at = parsedate_to_datetime(text).astimezone(UTC)
            seconds = (at - datetime.now(UTC)).total_seconds()
    except (OverflowError, ValueError):
        return None
    return min(max(0, seconds), _LONGEST_ASKED_SECONDS)


def _last_outcome(state: RetryCallState) -> Response:
    assert state.outcome is not None  # noqa: S101 (narrows the type)
    response: Response = state.outcome.result()
    return response
