"""Process lifecycle: readiness checks, draining, and callbacks at start and stop."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from flask import Flask, Response

from .settings import Settings


@dataclass
class Lifecycle:
    """Readiness checks raise when they fail; a draining process answers but is not ready."""

    draining: bool = False
    checks: dict[str, Callable[[], None]] = field(default_factory=dict)
    at_start: list[Callable[[], object]] = field(default_factory=list)
    at_stop: list[Callable[[], object]] = field(default_factory=list)

    def start(self) -> None:
        """Run the start callbacks; only a serving process does."""
        for begin in self.at_start:
            begin()

    def drain(self) -> None:
        """Become unready, and ask clients to reconnect elsewhere."""
        self.draining = True

    def stop(self) -> None:
        """Run the stop callbacks in reverse order of registration."""
        while self.at_stop:
            self.at_stop.pop()()


def init_app(app: Flask, settings: Settings) -> None:  # noqa: ARG001 (every extension's signature)
    """Create the lifecycle of this process."""
    life = app.extensions["lifecycle"] = Lifecycle()

    @app.after_request
    def close_while_draining(response: Response) -> Response:
        if life.draining:
            # The server cuts kept connections when it stops; a closed one is reopened elsewhere.
            response.headers["Connection"] = "close"
        return response


def lifecycle(app: Flask) -> Lifecycle:
    """Return the lifecycle of this app's process."""
    return cast(Lifecycle, app.extensions["lifecycle"])
