"""What Consul and etcd have in common as servers of the tests, whatever runs them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.error import URLError
from urllib.request import urlopen

from .processes import wait_until


class Runner(Protocol):
    """Starts and ends a server on the same port each time."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """Stop it in good order."""

    def kill(self) -> None:
        """End it at once, as a crash would."""


@dataclass(frozen=True)
class Store:
    """A server that services are entered in.

    Attributes:
        url: where it answers.
        health: the path that tells whether it is well.
        runner: starts and ends it.
        addresses: asks it for the addresses of a service's instances, as callers do.
    """

    url: str
    health: str
    runner: Runner
    addresses: Callable[[str, str], set[str]]

    @contextmanager
    def running(self) -> Iterator["Store"]:
        """Start it, and stop it afterwards if it still runs."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Start it and wait until it is well."""
        self.runner.start()
        wait_until(self._is_well, self.url)

    def stop(self) -> None:
        """Stop it in good order."""
        self.runner.stop()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.runner.kill()

    def restart(self) -> None:
        """Stop it, then start it again on the same port."""
        self.stop()
        self.start()

    def knows(self, service: str) -> set[str]:
        """Give the addresses (host:port) of a service's instances; none while it is away."""
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
