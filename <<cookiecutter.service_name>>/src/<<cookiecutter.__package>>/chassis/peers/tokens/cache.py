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
_TOO_YOUNG_TO_BLAME_SECONDS = 5.0

logger = logging.getLogger(__name__)


class TokenUnavailable(ServiceUnavailable):
    """There is no token for a peer for now; left alone, it becomes this service's own 503."""

    def __init__(self, audience: str, retry_after: float) -> None:
        seconds = math.ceil(max(1, retry_after))
        super().__init__(f"There is no token for {audience} for now.", retry_after=seconds)


class _Held(NamedTuple):
    token: str = ""
    got_at: float = -math.inf
    renew_at: float = -math.inf
    ends_at: float = -math.inf


class CachedToken:
    """One token. A thread of its own asks for the next one, so that no deadline cuts it short.

    Callers go on with the old token meanwhile, and wait only if there is none. While the provider
    fails it is asked ever more rarely, once in ten seconds in the end.
    """

    def __init__(self, audience: str, fetch: Callable[[], Grant]) -> None:
        self._audience = audience
        self._fetch = fetch
        self._lock = threading.Lock()
        self._held = _Held()
        self._asking: threading.Event | None = None
        self._failures = 0
        self._ask_at = -math.inf

    def get(self) -> str:
        """Give it.

        Raises:
            TokenUnavailable: there is none.
            DeadlineExceeded: it did not come in time.
        """
        held = self._held
        if time.monotonic() < held.renew_at:
            return held.token
        asking = self._ask()
        if time.monotonic() < held.ends_at:
            return held.token
        return self._wait(asking)

    def forget(self) -> None:
        """Drop it, unless it is so young that another one would be refused too."""
        with self._lock:
            if time.monotonic() - self._held.got_at > _TOO_YOUNG_TO_BLAME_SECONDS:
                self._held = _Held()

    def _ask(self) -> threading.Event | None:
        """See to it that somebody asks for the next one; None if nobody should."""
        with self._lock:
            now = time.monotonic()
            if self._asking is None and now >= max(self._held.renew_at, self._ask_at):
                asking = threading.Event()
                threading.Thread(target=self._renew, args=(asking,), daemon=True).start()
                self._asking = asking  # now that somebody really asks
            return self._asking

    def _wait(self, asking: threading.Event | None) -> str:
        if asking is not None:
            left = context.remaining_seconds()
            asking.wait(_LONGEST_WAIT_SECONDS if left is None else min(left, _LONGEST_WAIT_SECONDS))
        held = self._held
        now = time.monotonic()
        if now < held.ends_at:
            return held.token
        context.check_deadline()
        raise TokenUnavailable(self._audience, self._ask_at - now)

    def _renew(self, asking: threading.Event) -> None:
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
            life = max(seconds - 1, seconds / 2)  # its end is told in whole seconds
            # Not at the same moment in all processes that were started together.
            renew_at = asked_at + life * random.uniform(0.75, 0.85)  # noqa: S311
            self._held = _Held(token, time.monotonic(), renew_at, asked_at + life)
        finally:
            with self._lock:
                self._asking = None
            asking.set()
