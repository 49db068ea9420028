"""Service discovery with Consul and etcd, while instances and registries start and stop."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.issuer import Issuer
from tests.support.proxy import Proxy
from tests.support.rendering import load
from tests.support.running import Project, Service
from tests.support.servers.database import Database
from tests.support.servers.processes import free_port, wait_until
from tests.support.servers.store import Store
from tests.support.services import Fleet, add_view

VARIABLES = {"consul": "CONSUL_HTTP_ADDR", "etcd": "ETCD_ENDPOINTS"}

# Calls the peer, as a use case would.
ASKS = """
from flask import Blueprint, Flask

from ..bootstrap import Adapters
from ..chassis.auth import public


def install(app: Flask, adapters: Adapters) -> None:
    pages = Blueprint("asks", __name__)

    @pages.get("/who")
    @public
    def who() -> bytes:
        return adapters.clients.stock._client.request("GET", "/who", expect=(200,)).body

    app.register_blueprint(pages)
"""

# Returns the name of the instance.
SAYS = """
import os

from flask import Blueprint, Flask

from ..bootstrap import Adapters
from ..chassis.auth import public


def install(app: Flask, adapters: Adapters) -> None:
    pages = Blueprint("says", __name__)

    @pages.get("/who")
    @public
    def who() -> str:
        return os.environ["INSTANCE"]

    app.register_blueprint(pages)
"""


@dataclass(frozen=True)
class Place:
    """A calling service, a called one, and the registry between them."""

    fleet: Fleet
    issuer: Issuer
    store: Store
    variable: str
    caller: Project
    called: Project

    @contextmanager
    def process(self, project: Project, instance: str, **given: str) -> Iterator[Service]:
        """Start an instance without waiting for it."""
        there = {self.variable: self.store.url, "INSTANCE": instance}
        with self.fleet.process(project, self.issuer, **there, **given) as service:
            yield service

    def knows(self, *services: Service) -> bool:
        """Return whether exactly these instances of the called service are registered."""
        return self.store.knows("stock") == {f"127.0.0.1:{service.port}" for service in services}


@pytest.fixture(scope="module", params=VARIABLES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Consul and etcd in turn."""
    store: Store = request.getfixturevalue(request.param)
    fleet = Fleet(tmp_path_factory.mktemp(request.param))
    caller = fleet.render("orders", discovery=request.param, depends_on="stock", mesh="service")
    called = fleet.render("stock", discovery=request.param, mesh="service")
    add_view(caller, "asks", ASKS)
    add_view(called, "says", SAYS)
    with Issuer() as issuer:
        yield Place(fleet, issuer, store, VARIABLES[request.param], caller, called)


def test_an_instance_is_registered_while_it_is_ready(
    place: Place, postgresql_server: Database
) -> None:
    with postgresql_server.fresh() as url, ExitStack() as stack:
        parts = urlsplit(url)
        assert parts.port
        database = Proxy(parts.port)
        through = parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{database.port}")
        given = {"DATABASE_URL": through.geturl(), "SHUTDOWN_DRAIN_SECONDS": "6"}
        with database:
            service = stack.enter_context(place.process(place.called, "1", **given))
            service.wait_until_ready()
            service.wait_for(lambda: place.knows(service), "entered")

        began = time.monotonic()
        service.wait_for(place.knows, "taken out")
        print(f"\nnot ready: out after {time.monotonic() - began:.1f} s")
        assert service.is_alive()
        time.sleep(2)
        assert place.knows()  # it is registered again only when it is ready

        with database:
            began = time.monotonic()
            service.wait_for(lambda: place.knows(service), "entered again")
            print(f"ready again: in after {time.monotonic() - began:.1f} s")
            _leaves_before_it_stops(place, service)


def _leaves_before_it_stops(place: Place, service: Service) -> None:
    began = time.monotonic()
    service.terminate()
    wait_until(place.knows, "out of the registry", 6)
    out = time.monotonic() - began
    answered = out
    while service.popen.poll() is None:
        try:
            service.get("/who", token=None, timeout=1)
            answered = time.monotonic() - began
        except (OSError, HTTPException):
            pass
        time.sleep(0.02)
    print(f"SIGTERM: out of the registry after {out:.2f} s, answered until {answered:.2f} s")
    assert service.popen.returncode == 0
    assert answered > out + 2  # the drain period
    assert service.output().count("Deregistered from") == 2


def test_changes_and_an_outage_fail_no_request(place: Place) -> None:
    """The long variant below stops the registry for a minute."""
    _assert_no_request_fails(place, away=8)


@pytest.mark.long
def test_changes_and_a_minute_of_outage_fail_no_request(place: Place) -> None:
    _assert_no_request_fails(place, away=60)


def _assert_no_request_fails(place: Place, away: float) -> None:
    with ExitStack() as stack:
        a, first, second, third = (
            stack.enter_context(process)
            for process in (
                place.process(place.caller, "a", WEB_THREADS="8"),
                *(place.process(place.called, name) for name in ("1", "2", "3")),
            )
        )
        for service in (a, first, second, third):
            service.wait_until_ready()
        wait_until(lambda: place.knows(first, second, third), "all entered")
        load = stack.enter_context(Load(a).running())

        assert load.passes(2, "three instances", lambda: None) == {"1", "2", "3"}
        load.passes(2, "one killed", first.kill)
        stopped = load.passes(4, "one silent", lambda: _signal(second, signal.SIGSTOP))
        assert stopped == {"3"}
        load.passes(3, "restarted, empty", place.store.restart)
        wait_until(lambda: place.knows(third), "entered by itself")
        load.passes(2, "well again", lambda: _signal(second, signal.SIGCONT))
        wait_until(lambda: place.knows(second, third), "well again, entered")
        load.passes(2, "away", place.store.stop)
        # The known addresses now include one that does not respond, and no registry removes it.
        # It is tried again after 5 s.
        load.passes(away, "away, one silent", lambda: _signal(second, signal.SIGSTOP))
        load.passes(3, "there again, empty", place.store.start)
        load.passes(2, "well again", lambda: _signal(second, signal.SIGCONT))
        wait_until(lambda: place.knows(second, third), "all entered again")
        fourth = stack.enter_context(place.process(place.called, "4"))
        wait_until(lambda: place.knows(second, third, fourth), "a new one entered")
        assert load.passes(2, "a new one", lambda: None) == {"2", "3", "4"}
        assert not a.bugs()
        a.terminate()
        assert a.exit_code(within=25) == 0  # it is in a long poll of up to half a minute


def test_by_mutual_tls(place: Place, tmp_path: Path) -> None:
    """The mutual TLS listener is registered, with https."""
    authority = load(place.called.folder / "src/stock/chassis/mtls/development.py").Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem())
    tls_port = free_port()

    def given(name: str, port: int) -> dict[str, str]:
        authority.issue(tmp_path / f"{name}.pem", f"spiffe://shop.test/ns/shop/sa/{name}")
        return {
            "TLS_CERT_FILE": str(tmp_path / f"{name}.pem"),
            "TLS_KEY_FILE": str(tmp_path / f"{name}-key.pem"),
            "TLS_CLIENT_CA_FILE": str(tmp_path / "ca.pem"),
            "TLS_PORT": str(port),
        }

    with (
        place.process(place.called, "1", **given("stock", tls_port)),
        place.process(place.caller, "a", **given("orders", free_port())) as a,
    ):
        wait_until(lambda: place.store.knows("stock") == {f"127.0.0.1:{tls_port}"}, "entered")
        a.wait_until_ready()
        answer = a.get("/who", token=None)
        assert (answer.status, answer.body) == (200, b"1"), a.output()


def _signal(service: Service, number: signal.Signals) -> None:
    os.killpg(service.popen.pid, number)


@dataclass(frozen=True)
class Asked:
    """One request: its time, success, responding instance and duration."""

    at: float
    well: bool
    by: str
    seconds: float


class Load:
    """Four callers that send requests with short pauses."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._over = threading.Event()
        self._asked: list[Asked] = []

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Send requests inside the context."""
        threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def passes(self, seconds: float, what: str, happens: Callable[[], object]) -> set[str]:
        """Run an action; from a second later on, every request must succeed.

        Return the instances that respond after it.
        """
        began = time.monotonic()
        happens()
        time.sleep(max(0, began + seconds - time.monotonic()))
        asked = [one for one in list(self._asked) if one.at >= began]
        later = [one for one in asked if one.at >= began + 1]
        failed, late = (sum(not one.well for one in some) for some in (asked, later))
        slowest = max(one.seconds for one in asked)
        print(
            f"{what}: {len(asked)} requests in {time.monotonic() - began:.0f} s,"
            f" failed {failed}, after the first second {late}, slowest {slowest:.2f} s"
        )
        assert len(later) > 10
        assert late == 0, f"{what}:\n{self._service.output()[-3000:]}"
        return {one.by for one in later}

    def _ask(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            well, by = False, ""
            try:
                answer = self._service.get("/who", token=None, timeout=10)
                well, by = answer.status == 200, answer.body.decode()
            except (OSError, HTTPException):
                pass
            self._asked.append(Asked(began, well, by, time.monotonic() - began))
            time.sleep(0.05)
