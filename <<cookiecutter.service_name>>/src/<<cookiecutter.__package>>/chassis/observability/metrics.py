"""Prometheus metrics on `/metrics`, aggregated across worker processes.

Names follow the OpenTelemetry semantic conventions as Prometheus spells them. Where
`PROMETHEUS_MULTIPROC_DIR` is set when the process starts, all workers count into files of that
folder, and each exposes the sum. Counters of a dead worker stay, its gauges are removed.
"""

import os
import time
from functools import cache
from pathlib import Path

from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from ..auth import public
from ..settings import Settings

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

# The unused _created series would double the number of series.
disable_created_metrics()  # type: ignore[no-untyped-call]

REQUEST_DURATION = Histogram(
    "http_server_request_duration_seconds",
    "Time from the request's arrival to its answer.",
    ("http_request_method", "http_route", "http_response_status_code"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)


def init_app(app: Flask, settings: Settings) -> None:  # noqa: ARG001 (every extension's signature)
    """Measure every request, and serve `/metrics`."""
    app.after_request(_finish)
    app.add_url_rule("/metrics", "metrics", _exposition)


def _finish(response: Response) -> Response:
    method = request.method if request.method in _METHODS else "_OTHER"
    # The rule, never the path: an unbounded label would fill Prometheus.
    route = request.url_rule.rule if request.url_rule else "unmatched"
    elapsed = time.perf_counter() - g.started  # set by logs
    _duration(method, route, response.status_code).observe(elapsed)
    return response


@cache
def _duration(method: str, route: str, status: int) -> Histogram:
    # Cached: looking up a child by its labels costs more than counting.
    return REQUEST_DURATION.labels(method, route, str(status))


@public
def _exposition() -> Response:
    registry = REGISTRY
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        _remove_gauges_of_dead_workers(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _remove_gauges_of_dead_workers(folder: Path) -> None:
    """Remove the gauges of dead workers, which a killed worker leaves behind."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
