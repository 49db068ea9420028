"""Retries within a budget and a deadline.

A request is retried only if it may be sent twice, after a pause with full jitter ("Exponential
Backoff And Jitter", AWS Architecture Blog), and within a budget shared by all calls to a peer
("Addressing Cascading Failures", Google SRE book).
"""

import logging
import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, Retrying

from .. import context
from .messages import ConnectionFailed, PeerUnavailable, Request, Response, Transport
from .settings import PeerCallSettings

_RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0
_LONGEST_RETRY_AFTER_SECONDS = 86_400.0
_SAVED_RETRIES = 10.0

logger = logging.getLogger(__name__)


class Retry:
    """Repeats attempts until one succeeds, the budget is spent or the time is up."""

    def __init__(self, peer: str, transport: Transport, settings: PeerCallSettings) -> None:
        self._peer = peer
        self._transport = transport
        self._attempt_seconds = settings.attempt_timeout_seconds
        self._max_attempts = settings.max_attempts
        self._budget = RetryBudget(settings.retry_share)
        self._retrying = Retrying(
            retry=_should_retry,
            wait=_pause,
            stop=self._should_stop,
            retry_error_callback=_last_outcome,
        )

    def send(self, request: Request, timeout: float) -> Response:
        """Return the response of the last attempt.

        Raises:
            PeerUnavailable: no attempt got a response, or the last one was a 429 or 5xx.
            DeadlineExceeded: the time of the current request is up.
        """
        left = context.remaining_seconds()
        until = time.monotonic() + (timeout if left is None else min(timeout, left))
        self._budget.earn()
        try:
            response = self._retrying(self._attempt, request, until)
        except ConnectionFailed as error:
            context.check_deadline()
            # The error names addresses, which callers of this service must not see.
            logger.warning("Calling %s failed: %s", self._peer, error, extra={"peer": self._peer})
            raise PeerUnavailable(self._peer, "no attempt got a response in time") from error
        if response.status >= 500 or response.status == 429:
            pause = _retry_after(response.headers)
            raise PeerUnavailable(self._peer, f"it answers {response.status}", pause)
        return response

    def _attempt(self, request: Request, until: float) -> Response:
        timeout = min(self._attempt_seconds, until - time.monotonic())
        if timeout <= 0:
            raise ConnectionFailed("no time is left")
        return self._transport.send(request, timeout)

    def _should_stop(self, state: RetryCallState) -> bool:
        until: float = state.args[1]
        return (
            state.attempt_number >= self._max_attempts
            or time.monotonic() + state.upcoming_sleep >= until
            or not self._budget.spend()
        )


class RetryBudget:
    """Allows retries as a share of first attempts, and saves a few unused ones."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._saved = 0.0
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Record a first attempt."""
        with self._lock:
            self._saved = min(self._saved + self._share, _SAVED_RETRIES)

    def spend(self) -> bool:
        """Take a retry from the budget; return whether there was one."""
        with self._lock:
            if self._saved < 1:
                return False
            self._saved -= 1
            return True


def _should_retry(state: RetryCallState) -> bool:
    request: Request = state.args[0]
    if state.outcome is None or not request.repeatable:
        return False
    if state.outcome.failed:
        return isinstance(state.outcome.exception(), ConnectionFailed)
    return state.outcome.result().status in _RETRYABLE_STATUSES


def _pause(state: RetryCallState) -> float:
    """Return the seconds to wait: full jitter, on top of the peer's Retry-After."""
    longest = min(_FIRST_PAUSE_SECONDS * 2 ** (state.attempt_number - 1), _LONGEST_PAUSE_SECONDS)
    retry_after = 0.0
    if state.outcome is not None and not state.outcome.failed:
        retry_after = _retry_after(state.outcome.result().headers) or 0
    return retry_after + random.uniform(0, longest)  # noqa: S311


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), None without a valid one."""
    text = headers.get("retry-after", "")
    try:
        if text.isascii() and text.isdigit():
            seconds = float(text)
        else:
            at = parsedate_to_datetime(text).astimezone(UTC)
            seconds = (at - datetime.now(UTC)).total_seconds()
    except (OverflowError, ValueError):
        return None
    return min(max(0, seconds), _LONGEST_RETRY_AFTER_SECONDS)


def _last_outcome(state: RetryCallState) -> Response:
    assert state.outcome is not None  # noqa: S101 (narrows the type)
    response: Response = state.outcome.result()
    return response
