"""Consul: the healthy instances of a service, by blocking queries."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ...settings import Settings
from .. import Instance
from ..registry.consul import Client, ConsulSettings
from .registry_watcher import WatchingResolver

_WAIT_SECONDS = 30
# Consul adds a jitter of up to a sixteenth.
_ANSWER_SECONDS = _WAIT_SECONDS * 17 / 16 + 3


class Source:
    """Source of instances."""

    name = "Consul"

    def __init__(self, client: Client) -> None:
        self._client = client

    def look(self, service: str, seen: int) -> tuple[Sequence[Instance], int]:
        """Return the instances and the index, once it differs from the one seen."""
        query = f"passing=true&index={seen}&wait={_WAIT_SECONDS}s"
        answer = self._client.call(
            "GET", f"health/service/{quote(service)}?{query}", seconds=_ANSWER_SECONDS
        )
        # An index that went back is reset; one below 1 would not block.
        index = max(1, int(answer.headers["X-Consul-Index"]))
        return [_instance(each) for each in answer.json()], index if index >= seen else 0


def _instance(entry: dict[str, Any]) -> Instance:
    found = entry["Service"]
    return Instance(
        (found["Meta"] or {}).get("scheme", "http"),
        found["Address"] or entry["Node"]["Address"],
        found["Port"],
    )


def resolver(settings: Settings, endpoint: tuple[str, int]) -> WatchingResolver:  # noqa: ARG001 (each instance registers its own)
    """Return the resolver of peers."""
    return WatchingResolver(Source(Client(settings[ConsulSettings])))
