"""Prometheus for the tests: rules tested by promtool, queries over recorded samples."""

import json
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import MissingServerError
from .processes import Process, ServerError, free_port

REMEDY = "no Prometheus: install it, promtool included (Debian: prometheus)"

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


@dataclass(frozen=True)
class Promtool:
    """The tool that comes with the server."""

    program: str

    def __call__(self, *arguments: str | Path) -> str:
        """Run it and return its output.

        Raises:
            ServerError: it reported a problem.
        """
        done = subprocess.run(
            [self.program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise ServerError(done.stdout + done.stderr)
        return done.stdout


@dataclass(frozen=True)
class Prometheus:
    """A running server.

    Attributes:
        url: its address.
    """

    url: str

    def query(self, query: str, time: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each series of a query at a time, or now."""
        parameters = {"query": query} | ({"time": str(time)} if time is not None else {})
        result = self.get("/api/v1/query", **parameters)["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def get(self, path: str, **parameters: str) -> Any:
        """Return a response of its API.

        Raises:
            ServerError: it rejected the request; the message has the reason.
        """
        data = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{data}", timeout=60) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise ServerError(f"{parameters}: {error.read().decode()}") from error


@contextmanager
def prometheus(
    promtool: Promtool, *, config: dict[str, Any] | None = None, recorded: str = ""
) -> Iterator[Prometheus]:
    """Run a server with a configuration over recorded samples (OpenMetrics)."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        folder = Path(name)
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config or {}))
        if recorded:
            (folder / "recorded").write_text(recorded)
            blocks = ("tsdb", "create-blocks-from", "openmetrics")
            promtool(*blocks, folder / "recorded", folder / "data")
        process = Process(
            [
                _program("prometheus"),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            log=folder / "log",
        )
        server = Prometheus(f"http://127.0.0.1:{port}")
        process.start()
        try:
            process.wait_until(lambda: _is_ready(server), "Prometheus")
            yield server
        finally:
            process.stop()


def promtool() -> Promtool:
    """Return the tool."""
    return Promtool(_program("promtool"))


@dataclass(frozen=True)
class Requests:
    """Requests at a constant rate, with the same status and duration."""

    per_second: float
    status: int = 200
    seconds: float = 0.02
    route: str = "/api/v1/orders"
    method: str = "GET"
    begin: int = 0
    end: int = 24 * 3600

    def before(self, second: int) -> int:
        """Return the number of requests before a time in seconds."""
        return round(self.per_second * max(0, min(second, self.end) - self.begin))


def record(
    instances: Iterable[tuple[dict[str, str], Iterable[Requests]]],
    *,
    start: int,
    seconds: int,
    every: int = 15,
) -> str:
    """Return what scrapes of these instances, each with its labels, would have read."""
    samples: Counter[tuple[str, int]] = Counter()
    for labels, traffic in instances:
        for second in range(0, seconds + 1, every):
            samples[f"up{_labels(labels)}", second] = 1
            for requests in traffic:
                count = requests.before(second)
                of = {
                    **labels,
                    "http_request_method": requests.method,
                    "http_route": requests.route,
                    "http_response_status_code": str(requests.status),
                }
                samples[f"{_NAME}_count{_labels(of)}", second] += count
                for bound in (*BUCKETS, "+Inf"):
                    within = count if requests.seconds <= float(bound) else 0
                    samples[f"{_NAME}_bucket{_labels({**of, 'le': str(bound)})}", second] += within
    lines = (f"{series} {value} {start + second}" for (series, second), value in samples.items())
    return "\n".join([*lines, "# EOF\n"])


_NAME = "http_server_request_duration_seconds"


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _is_ready(server: Prometheus) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/-/ready", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _program(name: str) -> str:
    if not (path := shutil.which(name)):
        raise MissingServerError(REMEDY)
    return path
