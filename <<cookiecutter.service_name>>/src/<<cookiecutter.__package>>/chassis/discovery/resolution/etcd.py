"""etcd: the instances of a service, by a watch from the last revision."""

import base64
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from pydantic import TypeAdapter
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ReadTimeoutError

from ...settings import Settings
from .. import Instance
from ..registry.etcd import Client, EtcdSettings, encoded, prefix
from .registry_watcher import WatchingResolver

_WAIT_SECONDS = 30
_INSTANCE = TypeAdapter(Instance)

logger = logging.getLogger(__name__)


class Source:
    """Source of instances."""

    name = "etcd"

    def __init__(self, client: Client) -> None:
        self._client = client

    def look(self, service: str, seen: int) -> tuple[Sequence[Instance], int]:
        """Return the instances and the revision, once one has changed since `seen`."""
        first = prefix(service)
        # All keys with the prefix: up to the next text of the same length.
        keys = {"key": encoded(first), "range_end": encoded(first[:-1] + chr(ord(first[-1]) + 1))}
        if seen:
            self._wait_for_change({**keys, "start_revision": seen + 1})
        answer = self._client.call("kv/range", keys)
        found = [one for each in answer.get("kvs", ()) for one in _instance(each)]
        return found, int(answer["header"]["revision"])

    def _wait_for_change(self, watch: dict[str, Any]) -> None:
        response = self._client.open("watch", {"create_request": watch}, _WAIT_SECONDS, whole=False)
        with closing(response):
            for line in _lines(response):
                # Canceled: the revision was compacted, or this member cannot continue. All
                # instances are read again in any case.
                result = line.get("result", {"canceled": True})
                if result.get("events") or result.get("canceled"):
                    return


def _lines(response: BaseHTTPResponse) -> Iterator[Any]:
    """Yield the lines that arrive until the connection ends or is silent for too long."""
    partial = b""
    try:
        for chunk in response.stream():
            *whole, partial = (partial + chunk).split(b"\n")
            yield from map(json.loads, whole)
    except ReadTimeoutError:
        return


def _instance(entry: dict[str, str]) -> list[Instance]:
    """Return the instance in the value of a key; none if the value is something else."""
    try:
        return [_INSTANCE.validate_json(base64.b64decode(entry.get("value", "")))]
    except ValueError:
        key = base64.b64decode(entry["key"]).decode(errors="replace")
        logger.warning("etcd: %s is not an instance", key)
        return []


def resolver(settings: Settings, endpoint: tuple[str, int]) -> WatchingResolver:  # noqa: ARG001 (each instance registers its own)
    """Return the resolver of peers."""
    return WatchingResolver(Source(Client(settings[EtcdSettings])))
