"""Mutual TLS between running services: access control, rotation and shutdown."""

import json
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.http import ORDERS
from tests.support.issuer import Issuer
from tests.support.rendering import load
from tests.support.running import Service
from tests.support.servers.processes import free_port
from tests.support.services import Fleet

DRAIN, GRACE = 8, 20
SETTLED = 2.5  # seconds after which all workers check for new files
LIVE = "/health/live"
REQUESTS = 500
REFUSED = "refused at the handshake"
NAMES = {name: f"spiffe://shop.test/ns/shop/sa/{name}" for name in ("orders", "checkout")}

# Calls a peer as a service does, until standard input ends.
CALLS = """
import collections, json, os, sys, threading
from checkout import bootstrap, settings

adapters = bootstrap.connect(settings.read(os.environ))
peer = adapters.clients.orders._client
seen, done = collections.Counter(), threading.Event()

def call():
    while not done.is_set():
        try:
            seen[peer.request("GET", "/health/live", expect=(200,)).status] += 1
        except Exception as error:
            seen[repr(error)] += 1

threads = [threading.Thread(target=call) for _ in range(2)]
for thread in threads:
    thread.start()
sys.stdin.read()
done.set()
for thread in threads:
    thread.join()
print(json.dumps(seen))
"""


class Secret:
    """Certificates as Kubernetes mounts them: a symbolic link to the current version."""

    def __init__(self, folder: Path, authority: Any) -> None:
        self.authority = authority
        self._folder = folder
        self._versions = 0

    @property
    def data(self) -> Path:
        """Return the folder of the files."""
        return self._folder / "data"

    def put(self, *trusted: Any, **names: str) -> None:
        """Replace the trusted authorities and all certificates atomically."""
        self._versions += 1
        version = self._folder / f"v{self._versions}"
        version.mkdir()
        for name, uri in names.items():
            self.authority.issue(version / f"{name}.pem", uri)
        (version / "ca.pem").write_bytes(b"".join(each.pem() for each in trusted))
        link = self._folder / "new"
        link.symlink_to(version.name)
        link.rename(self.data)

    def environ(self, name: str) -> dict[str, str]:
        """Return the environment of a service."""
        return {
            "TLS_CERT_FILE": str(self.data / f"{name}.pem"),
            "TLS_KEY_FILE": str(self.data / f"{name}-key.pem"),
            "TLS_CLIENT_CA_FILE": str(self.data / "ca.pem"),
        }


class Shop:
    """Two services: only checkout may create orders, and all callers with the scope may read."""

    def __init__(self, folder: Path) -> None:
        self.fleet = Fleet(folder)
        self.checkout = self.fleet.render("checkout", depends_on="orders", mesh="service")
        self.orders = self.fleet.render("orders", mesh="service")
        self.tools = load(self.orders.folder / "src/orders/chassis/mtls/development.py")
        policy = self.orders.folder / "src/orders/api/policy.py"
        anyone, checkout = (
            f'"create_order": Rule(WRITE, {who})' for who in ("ANYONE", '{"checkout"}')
        )
        assert anyone in policy.read_text()
        policy.write_text(policy.read_text().replace(anyone, checkout))


class Listener:
    """The mutual TLS listener of orders."""

    def __init__(self, service: Service, port: int, secret: Secret, token: str) -> None:
        self.service = service
        self.port = port
        self.secret = secret
        self.token = token

    def connect(self, name: str | None = "checkout", folder: Path | None = None) -> HTTPSConnection:
        """Return a connection with a service's certificate, from its folder or another one."""
        context = ssl.create_default_context(cafile=self.secret.data / "ca.pem")
        context.check_hostname = False
        if name:
            file = (folder or self.secret.data).resolve() / f"{name}.pem"
            context.load_cert_chain(file, file.with_name(f"{name}-key.pem"))
        return HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)

    def ask(self, connection: HTTPSConnection, method: str, path: str) -> tuple[object, bytes]:
        """Send a request; return its status and body, or the error."""
        body = '{"name": "Over TLS"}' if method == "POST" else None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (ssl.SSLError, ConnectionError) as error:
            connection.close()
            return REFUSED, repr(error).encode()
        except (OSError, HTTPException) as error:
            connection.close()
            return repr(error), b""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Both services, rendered once."""
    return Shop(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secret(shop: Shop, tmp_path: Path) -> Secret:
    """Certificates of both services, from one authority."""
    secret = Secret(tmp_path, shop.tools.Authority())
    secret.put(secret.authority, **NAMES)
    return secret


@contextmanager
def serving(shop: Shop, secret: Secret, **environment: str) -> Iterator[Listener]:
    """Run orders."""
    port = free_port()
    with Issuer() as issuer:
        given = {**secret.environ("orders"), "TLS_PORT": str(port), **environment}
        with shop.fleet.serve(shop.orders, issuer, **given) as service:
            yield Listener(service, port, secret, issuer.token(client_id="checkout"))
            assert not service.bugs()


@pytest.fixture
def listener(shop: Shop, secret: Secret) -> Iterator[Listener]:
    """Orders, running."""
    with serving(shop, secret) as listener:
        yield listener


def test_access_by_certificate(shop: Shop, listener: Listener, tmp_path: Path) -> None:
    there = tmp_path / "callers"
    ours, foreign = listener.secret.authority, shop.tools.Authority()
    for name, authority, uri, lifetime in (
        ("right", ours, NAMES["checkout"], timedelta(days=1)),
        ("foreign", foreign, NAMES["checkout"], timedelta(days=1)),
        ("expired", ours, NAMES["checkout"], timedelta(days=-1)),
        ("other", ours, "spiffe://shop.test/ns/shop/sa/shipping", timedelta(days=1)),
        ("elsewhere", ours, "spiffe://mall.test/ns/shop/sa/checkout", timedelta(days=1)),
        ("nameless", ours, "https://checkout.test", timedelta(days=1)),
    ):
        authority.issue(there / f"{name}.pem", uri, lifetime=lifetime)

    found: dict[str | None, tuple[object, ...]] = {}
    for who in ("right", "other", "elsewhere", "nameless", "expired", "foreign", None):
        connection = listener.connect(who, there)
        posted, got = (listener.ask(connection, method, ORDERS)[0] for method in ("POST", "GET"))
        found[who] = posted, got
        connection.close()
    print("POST and GET:", found)
    assert found == {
        "right": (201, 200),
        "other": (403, 200),
        "elsewhere": (403, 403),
        "nameless": (403, 403),
        "expired": (REFUSED, REFUSED),
        "foreign": (REFUSED, REFUSED),
        None: (REFUSED, REFUSED),
    }


def test_the_plain_port_serves_no_api(listener: Listener) -> None:
    for path in (ORDERS, "/nowhere"):
        refused = listener.service.get(path, token=listener.token)
        assert refused.status == 403
        assert refused.json()["code"] == "client_certificate_required"
    for path in (LIVE, "/health/ready", "/metrics", "/openapi.json"):
        assert listener.service.get(path, token=None).status == 200


def test_silent_clients_do_not_block_others(listener: Listener) -> None:
    with ExitStack() as silent:
        for number in range(200):
            there = silent.enter_context(socket.create_connection(("127.0.0.1", listener.port)))
            if number % 2:
                there.sendall(b"\x16\x03\x01\x02")  # an incomplete handshake
        began = time.monotonic()
        for _ in range(5):
            connection = listener.connect()
            assert listener.ask(connection, "GET", ORDERS)[0] == 200
            connection.close()
        took = time.monotonic() - began
    print(f"5 requests beside 200 silent connections took {took:.2f} s")
    assert took < 15


class Callers:
    """Threads that send requests, each on new connections or on a persistent one."""

    def __init__(self, listener: Listener, *, keep: bool, number: int = 6) -> None:
        self.seen: Counter[object] = Counter()
        self._listener = listener
        self._keep = keep
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the current requests and stop."""
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        connection = self._listener.connect()
        while not self._done.is_set():
            if not self._keep:
                connection.close()
                connection = self._listener.connect()
            for method in ("GET", "POST"):
                status, body = self._listener.ask(connection, method, ORDERS)
                self.seen[status if status in {200, 201} else (status, body[:60])] += 1
        connection.close()


def test_rotation_under_load(shop: Shop, secret: Secret) -> None:
    """New certificates, a second authority, removal of the first one, and invalid files."""
    old, new = secret.authority, shop.tools.Authority()
    with (
        serving(shop, secret, WEB_CONCURRENCY="2") as listener,
        calling(shop, secret, listener) as answers,
    ):
        callers = Callers(listener, keep=False)
        time.sleep(1)
        first = shown(listener)
        secret.put(old, **NAMES)  # new certificates
        wait_until_settled(listener)
        assert shown(listener) != first
        secret.put(old, new, **NAMES)  # both authorities are trusted
        wait_until_settled(listener)
        broken(secret)  # a truncated file: the old ones stay in use
        time.sleep(SETTLED)
        secret.authority = new
        secret.put(old, new, **NAMES)  # certificates of the new authority
        wait_until_settled(listener)
        secret.put(new, **NAMES)  # the old authority is no longer trusted
        wait_until_settled(listener)
        callers.stop()
        logged = listener.service.output()
    print(f"new connections: {callers.seen}; a service's client: {answers}")
    assert set(callers.seen) == {200, 201}, callers.seen
    assert callers.seen.total() >= REQUESTS
    assert set(answers) == {"200"}
    assert answers["200"] >= 100
    assert 1 <= logged.count("are unusable") <= 2, "once for each worker that looked"


def shown(listener: Listener) -> bytes | None:
    """Return the certificate that orders presents."""
    connection = listener.connect()
    connection.connect()
    try:
        assert isinstance(connection.sock, ssl.SSLSocket)
        return connection.sock.getpeercert(True)
    finally:
        connection.close()


def wait_until_settled(listener: Listener) -> None:
    """Wait until all workers present the new certificate."""
    pem = (listener.secret.data / "orders.pem").read_text()
    expected = ssl.PEM_cert_to_DER_cert(pem)
    listener.service.wait_for(
        lambda: all(shown(listener) == expected for _ in range(20)), "new files in use", 30
    )
    time.sleep(SETTLED)


def broken(secret: Secret) -> None:
    """Truncate a file in place."""
    file = secret.data / "orders.pem"
    file.write_bytes(file.read_bytes()[:200])


@contextmanager
def calling(shop: Shop, secret: Secret, listener: Listener) -> Iterator[dict[str, int]]:
    """Call orders with checkout's client inside the context; yield the results."""
    environment = {
        **secret.environ("checkout"),
        "DATABASE_URL": "sqlite://",
        "ORDERS_URL": f"https://127.0.0.1:{listener.port}",
        "PYTHONPATH": str(shop.checkout.folder / "src"),
    }
    answers: dict[str, int] = {}
    caller = subprocess.Popen(
        [shop.checkout.folder / ".venv/bin/python", "-c", CALLS],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield answers
        answers |= json.loads(caller.communicate(timeout=60)[0])
    finally:
        caller.kill()
        caller.wait()


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load(shop: Shop, secret: Secret, workers: int) -> None:
    stop = {"SHUTDOWN_DRAIN_SECONDS": str(DRAIN), "SHUTDOWN_GRACE_SECONDS": str(GRACE)}
    with serving(shop, secret, WEB_CONCURRENCY=str(workers), **stop) as listener:
        callers = Callers(listener, keep=True)
        listener.service.wait_for(lambda: callers.seen.total() >= REQUESTS, "load", 60)
        listener.service.terminate()
        listener.service.wait_for(lambda: not listener.service.is_ready(), "draining", DRAIN)
        time.sleep(2)  # the load balancer checks periodically; requests continue until it does
        before = callers.seen.total()
        connection = listener.connect()
        assert listener.ask(connection, "GET", ORDERS)[0] == 200
        assert connection.sock is None, "closed, as the answer said"
        callers.stop()
        print(f"{callers.seen}, {callers.seen.total() - before} of them in the last moments")

        assert listener.service.exit_code(DRAIN + GRACE) == 0
    assert set(callers.seen) == {200, 201}, callers.seen
