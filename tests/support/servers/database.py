"""The common part of all database servers of the tests."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from . import MissingServerError


class Runner(Protocol):
    """Starts and stops a server, whose data and port persist."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """Stop it gracefully."""

    def kill(self) -> None:
        """Kill it, like a crash."""


@dataclass(frozen=True)
class Given:
    """An external server, which the tests use but never stop."""

    variable: str

    def start(self) -> None:
        """Do nothing: it is running."""

    def stop(self) -> None:
        """Refuse."""
        raise MissingServerError(f"the server of {self.variable} is not ours to stop: unset it")

    def kill(self) -> None:
        """Refuse."""
        self.stop()


@dataclass(frozen=True)
class Database:
    """A database server.

    Attributes:
        url: the administrator's, without a database.
        execute: runs one statement at a URL; raises the driver's error if there is no response.
        drop: the statement that drops a database even while clients are connected.
    """

    url: str
    runner: Runner
    execute: Callable[[str, str], None]
    drop: str = "DROP DATABASE {}"

    @contextmanager
    def running(self) -> Iterator["Database"]:
        """Start it, and stop it at the end if it still runs."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Start it and wait until it responds."""
        deadline = time.monotonic() + 60
        self.runner.start()
        while True:
            try:
                return self.execute(self.url, "SELECT 1")
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop it gracefully."""
        self.runner.stop()

    def kill(self) -> None:
        """Kill it, like a crash."""
        self.runner.kill()

    def restart(self) -> None:
        """Stop it, then start it again on the same data and port."""
        self.stop()
        self.start()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Yield the URL of an empty database, which is dropped at the end."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(self.url, f"CREATE DATABASE {name}")
        try:
            yield urlsplit(self.url)._replace(path=f"/{name}").geturl()
        finally:
            self.execute(self.url, self.drop.format(name))
