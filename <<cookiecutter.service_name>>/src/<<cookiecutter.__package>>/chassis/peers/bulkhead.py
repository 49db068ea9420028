"""Bulkhead: a bounded number of concurrent calls to one peer."""

import threading

from .messages import PeerUnavailable, Request, Response, Transport


class Bulkhead:
    """Rejects calls beyond a number that is in progress."""

    def __init__(self, peer: str, transport: Transport, max_calls: int) -> None:
        self._peer = peer
        self._transport = transport
        self._slots = threading.BoundedSemaphore(max_calls)

    def send(self, request: Request, timeout: float) -> Response:
        """Send the request if there is capacity.

        Raises:
            PeerUnavailable: too many calls are in progress.
        """
        if not self._slots.acquire(blocking=False):
            raise PeerUnavailable(self._peer, "too many calls to it are in progress", 1)
        try:
            return self._transport.send(request, timeout)
        finally:
            self._slots.release()
