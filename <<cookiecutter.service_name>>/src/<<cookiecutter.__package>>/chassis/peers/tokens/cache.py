"""A token that is cached and renewed before it expires."""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from werkzeug.exceptions import ServiceUnavailable

from ... import context
from .endpoint import Grant, NoToken

_LONGEST_WAIT_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_FRESH_SECONDS = 5.0

logger = logging.getLogger(__name__)


class TokenUnavailable(ServiceUnavailable):
    """There is no token for a peer for now; uncaught, it becomes this service's own 503."""

    def __init__(self, audience: str, retry_after: float) -> None:
        seconds = math.ceil(max(1, retry_after))
        super().__init__(f"There is no token for {audience} for now.", retry_after=seconds)


class _Token(NamedTuple):
    text: str = ""
    got_at: float = -math.inf
    renew_at: float = -math.inf
    ends_at: float = -math.inf


class CachedToken:
    """One token, renewed in a background thread, so that no deadline interrupts the renewal.

    Meanwhile callers use the old token, and wait only if there is none. While the provider fails,
    pauses between requests grow up to ten seconds.
    """

    def __init__(self, audience: str, fetch: Callable[[], Grant]) -> None:
        self._audience = audience
        self._fetch = fetch
        self._lock = threading.Lock()
        self._held = _Token()
        self._renewal: threading.Event | None = None
        self._failures = 0
        self._ask_at = -math.inf

    def get(self) -> str:
        """Return the token.

        Raises:
            TokenUnavailable: there is none.
            DeadlineExceeded: it did not arrive in time.
        """
        held = self._held
        if time.monotonic() < held.renew_at:
            return held.text
        renewal = self._start_renewal()
        if time.monotonic() < held.ends_at:
            return held.text
        return self._wait(renewal)

    def forget(self) -> None:
        """Drop the token, unless it is so fresh that another one would be rejected too."""
        with self._lock:
            if time.monotonic() - self._held.got_at > _FRESH_SECONDS:
                self._held = _Token()

    def _start_renewal(self) -> threading.Event | None:
        """Return the event of the renewal in progress, started if it is due; None if not."""
        with self._lock:
            now = time.monotonic()
            if self._renewal is None and now >= max(self._held.renew_at, self._ask_at):
                done = threading.Event()
                threading.Thread(target=self._renew, args=(done,), daemon=True).start()
                self._renewal = done  # only now: starting the thread may fail
            return self._renewal

    def _wait(self, renewal: threading.Event | None) -> str:
        if renewal is not None:
            left = context.remaining_seconds()
            renewal.wait(_LONGEST_WAIT_SECONDS if left is None else min(left, _LONGEST_WAIT_SECONDS))
        held = self._held
        now = time.monotonic()
        if now < held.ends_at:
            return held.text
        context.check_deadline()
        raise TokenUnavailable(self._audience, self._ask_at - now)

    def _renew(self, done: threading.Event) -> None:
        asked_at = time.monotonic()
        try:
            token, seconds = self._fetch()
        except NoToken as error:
            pause = min(_FIRST_PAUSE_SECONDS * 2.0**self._failures, _LONGEST_PAUSE_SECONDS)
            self._failures = min(self._failures + 1, 10)
            self._ask_at = time.monotonic() + pause * random.uniform(0.5, 1)  # noqa: S311
            logger.warning("There is no token for %s: %s", self._audience, error)
        else:
            self._failures = 0
            life = max(seconds - 1, seconds / 2)  # lifetimes are whole seconds
            # Jitter, so that processes that started together do not renew at the same moment.
            renew_at = asked_at + life * random.uniform(0.75, 0.85)  # noqa: S311
            self._held = _Token(token, time.monotonic(), renew_at, asked_at + life)
        finally:
            with self._lock:
                self._renewal = None
            done.set()
