"""The life of the process: what makes it ready, how it drains, what to do at its end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask, Response

from .environ import RoomSettings as Settings


@dataclass
class Lifecycle:
    """Readiness checks raise when they fail; a draining process answers, but wants no more."""

    draining: bool = False
    checks: dict[str, Callable[[], None]] = field(default_factory=dict)
    at_start: list[Callable[[], None]] = field(default_factory=list)
    at_stop: list[Callable[[], None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin what only a serving process does."""
        for begin in self.at_start:
            begin()

    def drain(self) -> None:
        """Turn unready, and ask clients to go elsewhere with their next request."""
        self.draining = True

    def stop(self) -> None:
        """Release what the process holds, in the reverse order of its making."""
        while self.at_stop:
            self.at_stop.pop()()


def init_app(app: Flask, settings: Settings) -> None:  # noqa: ARG001 (every room's signature)
    """Begin the life of this process."""
    life = app.extensions["lifecycle"] = Lifecycle()

    @app.after_request
    def close_while_draining(response: Response) -> Response:
        if life.draining:
            # A kept connection would be cut when the server stops; a closed one is opened
            # anew, at another instance.
            response.headers["Connection"] = "close"
        return response


def lifecycle(app: Flask) -> Lifecycle:
    """Give the life of this app's process."""
    found: Lifecycle = app.extensions["lifecycle"]
    return found
