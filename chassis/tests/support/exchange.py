"""An exchange with an instance, and a resolver, by what a test says."""

from collections.abc import Callable, Sequence

from chassis.discovery import Instance
from chassis.peers.messages import Request, Response


class Instances:
    """A resolver with fixed instances."""

    def __init__(self, instances: Sequence[Instance]) -> None:
        self._instances = instances

    def instances(self, service: str) -> Sequence[Instance]:
        assert service == "inventory"
        return self._instances

    def close(self) -> None:
        """Do nothing."""


class Exchange:
    """An exchange by a function."""

    def __init__(self, send: Callable[[Instance, Request], Response]) -> None:
        self._send = send

    def send(self, instance: Instance, request: Request, timeout: float) -> Response:
        assert timeout > 0
        return self._send(instance, request)
