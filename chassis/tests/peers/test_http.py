import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socket import gaierror

import pytest
from urllib3 import PoolManager

from chassis.discovery import Instance
from chassis.discovery.resolution.fixed import FixedResolver
from chassis.peers import (
    PeerCallSettings,
    PeerClients,
    PeerSettings,
    TokenSettings,
    TokenSource,
    http,
)
from chassis.peers.connections import PlaintextPools
from chassis.peers.connections import pool as pooling
from chassis.peers.messages import ConnectionFailed, Request, UnexpectedAnswer
from support.peer_server import (
    Server,
    bit_by_bit,
    breaks_off,
    chunk_by_chunk,
    drop_by_drop,
    fine,
    header_by_header,
    stops_at_the_last_moment,
)

GET = Request("GET", "/things?limit=1", {"X-Test": "yes"})
ISSUER = {"AUTH_AUDIENCE": "caller", "AUTH_ISSUER": "urn:development"}
Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], Server]


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Server:
        server = Server(answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def pool() -> PoolManager:
    return PlaintextPools(4).pool("stock")


@contextmanager
def gives_up_in_time() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(ConnectionFailed):
        yield
    assert time.monotonic() - began < 5


def test_a_request_goes_out_with_the_time_it_has(serve: Serve) -> None:
    server = serve(fine)

    found = http.send(pool(), server.instance, GET, 0.75)

    method, target, headers, _ = server.seen[0]
    assert (found.status, found.body) == (200, b"ok")
    assert (method, target, headers["X-Test"]) == ("GET", "/things?limit=1", "yes")
    assert headers["X-Request-Timeout-Ms"] == "750"


def test_the_connection_is_kept(serve: Serve) -> None:
    server, connections = serve(fine), pool()

    for _ in range(3):
        http.send(connections, server.instance, GET, 1)

    kept = connections.connection_from_url(server.instance.url)
    assert (kept.num_connections, kept.num_requests) == (1, 3)


@pytest.mark.parametrize(
    "answer",
    [
        drop_by_drop,
        header_by_header,
        chunk_by_chunk,
        bit_by_bit,
        stops_at_the_last_moment,
        breaks_off,
    ],
)
def test_a_response_that_does_not_end_in_time_fails(
    serve: Serve, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server = serve(answer)

    with gives_up_in_time():
        http.send(pool(), server.instance, GET, 0.3)


def test_an_unreachable_instance_is_a_failed_connection() -> None:
    with pytest.raises(ConnectionFailed):
        http.send(pool(), Instance("http", "127.0.0.1", 1), GET, 1)


def test_a_name_that_is_not_resolved_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answered.wait(60) and [])

    with gives_up_in_time():
        http.send(pool(), Instance("http", "stock.test", 80), GET, 0.1)
    answered.set()


@pytest.mark.parametrize("error", [gaierror("unknown"), UnicodeError("too long")])
def test_an_unknown_name(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("socket.getaddrinfo", unknown)

    with pytest.raises(ConnectionFailed, match=r"Cannot connect to stock\.test"):
        http.send(pool(), Instance("http", "stock.test", 80), GET, 5)


def test_several_addresses_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, float]] = []

    def connect(address: tuple[str, int], seconds: float, **_: object) -> None:
        tried.append((address[0], seconds))
        raise ConnectionRefusedError

    hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    found = [(0, 0, 0, "", (host, 80)) for host in hosts]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(pooling, "create_connection", connect)

    with pytest.raises(ConnectionFailed):
        http.send(pool(), Instance("http", "stock.test", 80), GET, 60)
    assert [host for host, _ in tried] == hosts
    assert [seconds for _, seconds in tried] == pytest.approx([20, 30, 60], abs=5)


def test_a_too_large_response_does_not_open_the_circuit(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_MAX_BODY_BYTES", 1)
    server = serve(fine)
    settings = PeerCallSettings.model_validate({"PEER_BREAKER_FAILURES": "1"})
    tokens = TokenSource(TokenSettings.model_validate(ISSUER))
    peers = PeerClients(settings, FixedResolver(server.instance.url), PlaintextPools(4), tokens)
    stock = peers.client("stock", PeerSettings())

    for _ in range(3):
        with pytest.raises(UnexpectedAnswer, match="stock answered with more than 1 bytes"):
            stock.request("GET", "/", expect=(200,))
    assert len(server.seen) == 3
