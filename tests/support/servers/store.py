"""The common part of Consul and etcd as servers of the tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.error import URLError
from urllib.request import urlopen

from .processes import wait_until


class Runner(Protocol):
    """Starts and stops a server, always on the same port."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """Stop it gracefully."""

    def kill(self) -> None:
        """Kill it, like a crash."""


@dataclass(frozen=True)
class Store:
    """A service registry.

    Attributes:
        url: its address.
        health: the path of its health check.
        runner: starts and stops it.
        addresses: looks up the addresses of a service's instances, as clients do.
    """

    url: str
    health: str
    runner: Runner
    addresses: Callable[[str, str], set[str]]

    @contextmanager
    def running(self) -> Iterator["Store"]:
        """Start it, and stop it at the end if it still runs."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Start it and wait until it is healthy."""
        self.runner.start()
        wait_until(self._is_well, self.url)

    def stop(self) -> None:
        """Stop it gracefully."""
        self.runner.stop()

    def kill(self) -> None:
        """Kill it, like a crash."""
        self.runner.kill()

    def restart(self) -> None:
        """Stop it, then start it again on the same port."""
        self.stop()
        self.start()

    def knows(self, service: str) -> set[str]:
        """Return the addresses (host:port) of a service's instances; none while it is stopped."""
        try:
            return self.addresses(self.url, service)
        except (URLError, OSError):
            return set()

    def _is_well(self) -> bool:
        try:
            with urlopen(f"{self.url}{self.health}", timeout=2) as answer:
                # Consul has no leader yet while this is empty.
                return answer.read() not in {b"", b'""'}
        except (URLError, OSError):
            return False
