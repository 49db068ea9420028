"""Measure what a request costs: a rendered service and bare Flask, on the same server and database.

Both run all the time, with one worker each on the first core; the other cores generate load. A round
measures each once, in shuffled order, and ratios compare within a round. There is no threshold.
"""

import argparse
import os
import platform
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.issuer import Issuer
from tests.support.rendering import render
from tests.support.servers import MissingServerError
from tests.support.servers.postgresql import postgresql
from tests.support.servers.processes import Process, free_port, wait_until
from tests.support.verbs import make

HERE = Path(__file__).resolve().parent
THREADS = 4
WRK_REPORT = (
    'done = function(s) io.write(string.format("%d %d\\n", s.requests, s.errors.status)) end'
)


@dataclass(frozen=True)
class Contestant:
    """A process that is measured."""

    name: str
    port: int


@dataclass(frozen=True)
class Result:
    """The result of one measurement."""

    rate: float
    failed: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument(
        "--instructions", action="store_true", help="also count instructions, with callgrind"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # also stops the contestants
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        service = render(folder, workspace="")
        make(service, ".venv/.synced")
        issuer = stack.enter_context(Issuer())
        environment = {**issuer.environment, "DATABASE_URL": stack.enter_context(_database(folder))}
        make(service, "migrate", **environment)
        _print_versions(service, environment["DATABASE_URL"])
        contestants = [
            stack.enter_context(_serving(name, service, folder, environment | more))
            for name, more in (("service", {}), ("bare", {}), ("bare, cached", {"CACHED": "1"}))
        ]
        failed = _measure(contestants, issuer, folder, options.rounds, options.seconds)
        if options.instructions:
            _count_instructions(service, folder, environment, issuer)
    sys.exit(1 if failed else 0)


def _measure(
    contestants: Sequence[Contestant], issuer: Issuer, folder: Path, rounds: int, seconds: float
) -> int:
    service, bare, cached = contestants
    token = issuer.token(key=issuer.rsa)
    order = _create(service, token)
    pairs = {
        "hello": ((service, "/health/live"), (bare, "/hello")),
        "read by key": ((service, order), (bare, order)),
        "read by key, token cached by both": ((service, order), (cached, order)),
    }
    _assert_equal(pairs["read by key"], token)
    failed = 0
    for what, pair in pairs.items():
        found: dict[str, list[float]] = {each.name: [] for each, _ in pair}
        for each, path in pair:
            _load(each, path, token, folder, seconds)  # warms it up
        for _ in range(rounds):
            for each, path in random.sample(pair, len(pair)):
                result = _load(each, path, token, folder, seconds)
                found[each.name].append(result.rate)
                failed += result.failed
        ours, theirs = found.values()
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        _say(
            f"{what}: service {statistics.median(ours):.0f}/s,"
            f" {pair[1][0].name} {statistics.median(theirs):.0f}/s;"
            f" ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    _say(f"responses other than 2xx: {failed}")
    return failed


def _load(contestant: Contestant, path: str, token: str, folder: Path, seconds: float) -> Result:
    url = f"http://127.0.0.1:{contestant.port}{path}"
    if not shutil.which("wrk"):
        return _load_by_threads(contestant, path, token, seconds)
    script = folder / "report.lua"
    script.write_text(WRK_REPORT)
    command = [
        *_pinned(1),
        *("wrk", "--threads=1", "--connections=8", f"--duration={max(1, round(seconds))}s"),
        *(f"--header=Authorization: Bearer {token}", f"--script={script}", url),
    ]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took = time.perf_counter() - began
    requests, failed = map(int, done.stdout.splitlines()[-1].split())
    said = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    return Result(float(said.group(1)) if said else requests / took, failed)


def _load_by_threads(contestant: Contestant, path: str, token: str, seconds: float) -> Result:
    seen: Counter[int] = Counter()
    until = time.perf_counter() + seconds

    def call() -> None:
        connection = HTTPConnection("127.0.0.1", contestant.port, timeout=30)
        while time.perf_counter() < until:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            response.read()
            seen[response.status] += 1
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = sum(number for status, number in seen.items() if not 200 <= status < 300)
    return Result(seen.total() / seconds, failed)


@contextmanager
def _serving(
    name: str, service: Path, folder: Path, environment: dict[str, str]
) -> Iterator[Contestant]:
    """Serve with one worker; all contestants use the same server and number of threads."""
    port = free_port()
    python = str(service / ".venv/bin/python")
    bare = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    more = ["--blocking-threads", str(THREADS), "--no-ws", "--http", "1", "bare:app"]
    command = [python, "-m", "orders"] if name == "service" else [python, *bare, *more]
    variables = {
        **environment,
        "PORT": str(port),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HERE),
        "WEB_THREADS": str(THREADS),
        "SHUTDOWN_DRAIN_SECONDS": "0",
        "LOG_LEVEL": "INFO",
    }
    set_variables = ["env", "-i", *(f"{key}={value}" for key, value in variables.items())]
    process = Process(
        [*_pinned(0), *set_variables, "sh", "-c", 'cd "$0" && exec "$@"', str(service), *command],
        log=folder / f"{name}.log",
    )
    process.start()
    path = "/health/ready" if name == "service" else "/hello"
    try:
        wait_until(lambda: process.has_ended() or _status(port, path) == 200, name)
        if process.has_ended():
            sys.exit(f"{name} did not start:\n{process.tail()}")
        yield Contestant(name, port)
    finally:
        process.stop()


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    """Yield the URL of a PostgreSQL database, or of SQLite if there is no server."""
    try:
        with postgresql() as server, server.fresh() as url:
            yield url
    except MissingServerError as reason:
        _say(f"SQLite instead of PostgreSQL ({reason})")
        yield f"sqlite:///{folder}/bench.db"


def _pinned(core: int) -> list[str]:
    """Return a command prefix that pins a program: servers to the first core, load to the others."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2 or not shutil.which("taskset"):
        return []
    chosen = cores[:1] if core == 0 else cores[1:]
    return ["taskset", "--cpu-list", ",".join(map(str, chosen))]


def _create(service: Contestant, token: str) -> str:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = '{"name": "Measured", "description": "Read again and again"}'
    connection.request("POST", "/api/v1/orders", body, headers)
    response = connection.getresponse()
    response.read()
    if response.status != 201:
        sys.exit(f"The service did not create an order: {response.status}")
    return response.headers["Location"]


def _assert_equal(pair: Sequence[tuple[Contestant, str]], token: str) -> None:
    """Exit if the two return different bodies."""
    bodies = set()
    for each, path in pair:
        connection = HTTPConnection("127.0.0.1", each.port, timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        bodies.add(connection.getresponse().read())
        connection.close()
    if len(bodies) != 1:
        sys.exit(f"The responses differ: {bodies}")


def _status(port: int, path: str) -> int | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def _print_versions(service: Path, url: str) -> None:
    listing = (
        "from importlib.metadata import version as v;"
        "print(*(f'{n} {v(n)}' for n in ('flask', 'granian', 'sqlalchemy', 'pydantic')), sep=', ')"
    )
    python = service / ".venv/bin/python"
    versions = subprocess.run([python, "-c", listing], check=True, capture_output=True, text=True)
    began = time.perf_counter()
    sum(range(10_000_000))
    spin = time.perf_counter() - began
    load = "wrk" if shutil.which("wrk") else "threads of this program"
    _say(
        f"Python {platform.python_version()}, {versions.stdout.strip()};"
        f" {url.partition(':')[0]}; load by {load}; {os.cpu_count()} cores; spin {spin * 1000:.0f} ms"
    )


def _count_instructions(
    service: Path, folder: Path, environment: dict[str, str], issuer: Issuer
) -> None:
    """Print instructions per request: in process, after warm-up, without those of the kernel."""
    if not shutil.which("valgrind"):
        _say("instructions: valgrind is not installed")
        return
    token = issuer.token(key=issuer.rsa)
    python = str(service / ".venv/bin/python")
    for name in ("service", "bare"):
        path = "/health/live" if name == "service" else "/hello"
        counts = [
            _instructions(
                [python, str(HERE / "one.py"), name, path, token, str(requests)],
                {**environment, "PYTHONPATH": str(HERE), "PYTHONHASHSEED": "0", "CACHED": "1"},
                service,
                folder,
            )
            for requests in (220, 320)
        ]
        _say(f"hello, {name}: {(counts[1] - counts[0]) / 100_000:.0f}k instructions a request")


def _instructions(
    command: list[str], environment: dict[str, str], service: Path, folder: Path
) -> int:
    out = folder / "callgrind.out"
    subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command],
        cwd=service,
        env={**environment, "PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
    )
    found = re.findall(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)
    return int(found[0])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
