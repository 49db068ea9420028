"""Client-side balancing: each request goes to the instance with the least to do."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from ..discovery import Instance
from .messages import ConnectionFailed, PeerUnavailable, Request, Response

# The instance is alive, but not well: starting, stopping, overloaded, or cut off from what it needs.
_UNWELL = frozenset({502, 503, 504})

Send = Callable[[Instance, Request, float], Response]


class Balanced:
    """Transport to the instances of one peer.

    An instance that fails is set aside for a while, unless all are: then any is better than none.
    """

    def __init__(
        self,
        peer: str,
        instances: Callable[[], Sequence[Instance]],
        send: Send,
        set_aside_seconds: float,
    ) -> None:
        self._peer = peer
        self._instances = instances
        self._send = send
        self._seconds = set_aside_seconds
        self._pending: Counter[Instance] = Counter()
        self._aside_until: dict[Instance, float] = {}
        self._lock = threading.Lock()

    def send(self, request: Request, timeout: float) -> Response:
        """Send it to one instance.

        Raises:
            ConnectionFailed: that instance gave no response.
            PeerUnavailable: there is no instance.
        """
        instance = self._take(self._instances())
        try:
            response = self._send(instance, request, timeout)
        except ConnectionFailed:
            self._give_back(instance, well=False)
            raise
        except BaseException:
            self._give_back(instance, well=True)
            raise
        self._give_back(instance, well=response.status not in _UNWELL)
        return response

    def _take(self, instances: Sequence[Instance]) -> Instance:
        if not instances:
            raise PeerUnavailable(self._peer, "no instance of it is known")
        now = time.monotonic()
        with self._lock:
            well = [each for each in instances if self._aside_until.get(each, 0) <= now]
            usable = well or list(instances)
            least = min(self._pending[each] for each in usable)
            # Chosen by lot among equals, or all callers would begin with the same one.
            chosen = random.choice([each for each in usable if self._pending[each] == least])  # noqa: S311
            self._pending[chosen] += 1
        return chosen

    def _give_back(self, instance: Instance, *, well: bool) -> None:
        with self._lock:
            self._pending[instance] -= 1
            if not self._pending[instance]:
                del self._pending[instance]
            if well:
                self._aside_until.pop(instance, None)
                return
            now = time.monotonic()
            # Those whose time is over go, or the addresses of years would pile up.
            still = {each: until for each, until in self._aside_until.items() if until > now}
            self._aside_until = still | {instance: now + self._seconds}
