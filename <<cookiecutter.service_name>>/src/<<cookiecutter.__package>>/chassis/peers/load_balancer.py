"""Client-side load balancing: least pending requests, with outlier ejection."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence

from ..discovery import Instance
from ..discovery.resolution import Resolver
from .messages import ConnectionFailed, Exchange, PeerUnavailable, Request, Response

# The instance is starting, stopping, overloaded, or cut off from a dependency.
_UNHEALTHY = frozenset({502, 503, 504})


class LoadBalancer:
    """Transport to the instances of one peer.

    A failing instance is ejected for a while. With all of them ejected, all of them are used.
    """

    def __init__(
        self, peer: str, resolver: Resolver, exchange: Exchange, ejection_seconds: float
    ) -> None:
        self._peer = peer
        self._resolver = resolver
        self._exchange = exchange
        self._seconds = ejection_seconds
        self._pending: Counter[Instance] = Counter()
        self._ejected_until: dict[Instance, float] = {}
        self._lock = threading.Lock()

    def send(self, request: Request, timeout: float) -> Response:
        """Send the request to one instance.

        Raises:
            ConnectionFailed: that instance gave no response.
            PeerUnavailable: there is no instance.
        """
        instance = self._acquire(self._resolver.instances(self._peer))
        try:
            response = self._exchange.send(instance, request, timeout)
        except ConnectionFailed:
            self._release(instance, healthy=False)
            raise
        except BaseException:
            self._release(instance, healthy=True)
            raise
        self._release(instance, healthy=response.status not in _UNHEALTHY)
        return response

    def _acquire(self, instances: Sequence[Instance]) -> Instance:
        if not instances:
            raise PeerUnavailable(self._peer, "it has no known instance")
        now = time.monotonic()
        with self._lock:
            healthy = [each for each in instances if self._ejected_until.get(each, 0) <= now]
            usable = healthy or list(instances)
            least = min(self._pending[each] for each in usable)
            # At random among equals, or all callers would start with the same one.
            chosen = random.choice([each for each in usable if self._pending[each] == least])  # noqa: S311
            self._pending[chosen] += 1
        return chosen

    def _release(self, instance: Instance, *, healthy: bool) -> None:
        with self._lock:
            self._pending[instance] -= 1
            if not self._pending[instance]:
                del self._pending[instance]
            if healthy:
                self._ejected_until.pop(instance, None)
                return
            now = time.monotonic()
            # Drop expired ejections, or addresses would accumulate.
            still = {each: until for each, until in self._ejected_until.items() if until > now}
            self._ejected_until = still | {instance: now + self._seconds}
