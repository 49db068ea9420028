"""What every database server of the tests can do, whatever runs it."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from . import MissingServerError


class Runner(Protocol):
    """Starts and ends a server; its data and its port outlive both."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """Stop it in good order."""

    def kill(self) -> None:
        """End it at once, as a crash would."""


@dataclass(frozen=True)
class Given:
    """A server that somebody else runs: it is used, never ended."""

    variable: str

    def start(self) -> None:
        """Leave it as it is: it runs."""

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
        url: its administrator's, without a database.
        execute: runs one statement, given a URL; raises the driver's error when there is no answer.
        drop: the statement that drops a database even while clients are connected.
    """

    url: str
    runner: Runner
    execute: Callable[[str, str], None]
    drop: str = "DROP DATABASE {}"

    @contextmanager
    def running(self) -> Iterator["Database"]:
        """Start it, and stop it afterwards if it still runs."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Start it and wait until it answers."""
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
        """Stop it in good order."""
        self.runner.stop()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.runner.kill()

    def restart(self) -> None:
        """Stop it, then start it again on the same data and port."""
        self.stop()
        self.start()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Give the URL of an empty database, and drop that afterwards."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(self.url, f"CREATE DATABASE {name}")
        try:
            yield urlsplit(self.url)._replace(path=f"/{name}").geturl()
        finally:
            self.execute(self.url, self.drop.format(name))
