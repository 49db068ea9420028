"""The issuer's signing keys: fetched, cached, and refreshed when they change."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWKSet

from .fetch import fetch
from .metadata import Metadata
from .settings import AuthSettings

ALGORITHMS = frozenset({"RS256", "ES256"})
_PAUSE_SECONDS = 5.0

logger = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """No key set could be fetched, so no new token can be verified for now."""


class KeySet:
    """Keys by their id (`kid`). Thread safe; concurrent callers share one fetch.

    An unknown key is looked up at the issuer at once, so a rotation needs no restart; ids that the
    issuer does not know either cause at most one fetch in five seconds. Keys older than `max_age`
    seconds are fetched again, so a withdrawn one expires; while the issuer does not answer, the
    cached ones stay in use.
    """

    def __init__(self, fetch: Callable[[], bytes], max_age: float) -> None:
        self._fetch = fetch
        self._max_age = max_age
        self._lock = threading.Lock()
        self._keys: Mapping[str, PyJWK] = {}
        self._published: Mapping[str, object] = {}
        self._stale_at = float("-inf")
        self._look_again_at = float("-inf")
        self._fetched = False

    def get(self, key_id: str) -> PyJWK | None:
        """Return the key, or None if the issuer has none with this id.

        Raises:
            KeysUnavailable: the issuer has not answered yet.
        """
        self.check()
        if key_id not in self._keys:
            self._look_for(key_id)
        return self._keys.get(key_id)

    def has(self, key: PyJWK) -> bool:
        """Return whether a key that was returned before is still published."""
        return self._keys.get(key.key_id or "") is key

    def check(self) -> None:
        """Raise KeysUnavailable if no key set could be fetched so far."""
        # While there are cached keys, one thread refreshes them and the others do not wait.
        if self._is_stale() and self._lock.acquire(blocking=not self._keys):
            try:
                if self._is_stale():
                    self._refresh()
            finally:
                self._lock.release()
        if not self._fetched:
            raise KeysUnavailable("The issuer's keys cannot be fetched.")

    def _look_for(self, key_id: str) -> None:
        with self._lock:
            if key_id in self._keys or time.monotonic() < self._look_again_at:
                return
            self._refresh()
            if key_id not in self._keys:
                self._look_again_at = time.monotonic() + _PAUSE_SECONDS

    def _is_stale(self) -> bool:
        return time.monotonic() > self._stale_at

    def _refresh(self) -> None:
        try:
            published, keys = _parse(self._fetch())
        except Exception as error:  # of any kind: the next attempt comes after a pause
            logger.warning("Cannot fetch the key set: %s", error)
            self._stale_at = time.monotonic() + _PAUSE_SECONDS
            return
        if published != self._published:
            self._published, self._keys = published, keys
        self._fetched = True
        self._stale_at = time.monotonic() + self._max_age


def fetcher(settings: AuthSettings) -> Callable[[], bytes]:
    """Return a function that fetches the key set, from `jwks_url` or as the metadata say."""
    url = settings.jwks_url
    if url is None:
        return partial(_fetch_as_listed, Metadata(settings))
    if urlsplit(url).scheme == "file":
        path = Path(url.removeprefix("file://").removeprefix("file:"))
        # The development key set is empty until its first key is generated.
        return lambda: path.read_bytes() if path.exists() else b'{"keys": []}'
    return partial(fetch, url)


def _fetch_as_listed(metadata: Metadata) -> bytes:
    try:
        return fetch(metadata.address("jwks_uri"))
    except OSError:
        metadata.forget()
        raise


def _parse(content: bytes) -> tuple[Mapping[str, object], Mapping[str, PyJWK]]:
    data = json.loads(content)
    published = {key["kid"]: key for key in data["keys"] if "kid" in key}
    if not published:
        return {}, {}
    keys = {
        key.key_id: key
        for key in PyJWKSet.from_dict(data).keys
        if key.key_id and key.algorithm_name in ALGORITHMS and key.public_key_use != "enc"
    }
    return published, keys
