import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import gaierror
from types import SimpleNamespace

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel, ValidationError
from urllib3 import PoolManager

from chassis import context
from chassis.discovery import Instance
from chassis.discovery.resolution.fixed import FixedResolver
from chassis.peers import (
    PeerCallSettings,
    PeerClient,
    PeerClients,
    PeerSettings,
    TokenSettings,
    TokenSource,
    http,
    load_balancer,
)
from chassis.peers.connections import PlaintextPools
from chassis.peers.connections import pool as pooling
from chassis.peers.instrumentation import CALL_DURATION, Instrumented
from chassis.peers.load_balancer import LoadBalancer
from chassis.peers.messages import (
    ConnectionFailed,
    PeerUnavailable,
    Request,
    Response,
    UnexpectedAnswer,
)

GET = Request("GET", "/things?limit=1", {"X-Test": "yes"})
OK = Response(200, {}, b"")
ISSUER = {"AUTH_AUDIENCE": "caller", "AUTH_ISSUER": "urn:development"}


class Server(ThreadingHTTPServer):
    """Records its requests, and answers them with a function."""

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen.append((self.command, self.path, dict(self.headers), body))
                answer(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.instance = Instance("http", "127.0.0.1", self.server_port)

    def handle_error(self, request: object, client_address: object) -> None:
        """Do nothing: some clients close the connection, as expected."""


def fine(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"ok")


def drop_by_drop(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(400):
        handler.wfile.write(b".")
        time.sleep(0.05)


def header_by_header(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(400):
        handler.wfile.write(b"X-%d: y\r\n" % number)
        time.sleep(0.1)


def chunk_by_chunk(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(400):
        handler.wfile.write(b"0")
        time.sleep(0.05)


def bit_by_bit(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        handler.wfile.write(b".")
        time.sleep(0.0002)


def stops_at_the_last_moment(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.25)
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of it")
    time.sleep(20)


def breaks_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half of it")
    handler.close_connection = True


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


Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], Server]


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


@contextmanager
def gives_up_in_time() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(ConnectionFailed):
        yield
    assert time.monotonic() - began < 5


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


def pool() -> PoolManager:
    return PlaintextPools(4).pool("stock")


ONE, TWO = Instance("http", "one", 80), Instance("http", "two", 80)


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


def balanced(
    send: Callable[[Instance], Response], instances: Sequence[Instance] = (ONE, TWO)
) -> LoadBalancer:
    exchange = Exchange(lambda instance, _: send(instance))
    return LoadBalancer("inventory", Instances(instances), exchange, 60)


def test_a_failing_instance_is_ejected_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Instance] = []

    def send(instance: Instance) -> Response:
        asked.append(instance)
        if instance == ONE:
            raise ConnectionFailed("broken")
        return OK

    transport = balanced(send)
    while ONE not in asked:
        failed = _outcome(transport)
    assert failed is None
    asked.clear()

    assert [_outcome(transport) for _ in range(10)] == [OK] * 10
    assert set(asked) == {TWO}
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 61)
    monkeypatch.setattr(load_balancer, "time", later)
    while ONE not in asked:
        _outcome(transport)


def test_with_all_instances_ejected_all_are_used() -> None:
    transport = balanced(lambda _: Response(503, {}, b""))

    assert [transport.send(GET, 1).status for _ in range(4)] == [503] * 4


def test_the_instance_with_the_least_pending_requests_is_chosen() -> None:
    busy, done = threading.Event(), threading.Event()
    asked: list[Instance] = []

    def send(instance: Instance) -> Response:
        asked.append(instance)
        if len(asked) == 1:
            busy.set()
            done.wait(60)
        return OK

    transport = balanced(send)
    slow = threading.Thread(target=transport.send, args=(GET, 5))
    slow.start()
    assert busy.wait(60)
    for _ in range(10):
        transport.send(GET, 1)
    done.set()
    slow.join()
    assert set(asked[1:]) == {ONE, TWO} - {asked[0]}


def test_without_an_instance_the_peer_is_unavailable() -> None:
    with pytest.raises(PeerUnavailable, match="no known instance"):
        balanced(lambda _: OK, ()).send(GET, 1)


def _outcome(transport: LoadBalancer) -> Response | None:
    try:
        return transport.send(GET, 1)
    except ConnectionFailed:
        return None


def test_an_attempt_is_a_client_span_and_carries_the_trace() -> None:
    sent: list[Request] = []

    def send(_: Instance, request: Request) -> Response:
        sent.append(request)
        return OK

    with TracerProvider().get_tracer("test").start_as_current_span("incoming") as span:
        Instrumented("inventory", Exchange(send)).send(ONE, GET, 1)

    trace_id = trace.format_trace_id(span.get_span_context().trace_id)
    assert sent[0].headers["traceparent"].split("-")[1] == trace_id
    assert sent[0].headers["X-Test"] == "yes"


@pytest.mark.parametrize(
    ("outcome", "labels"),
    [
        (Response(204, {}, b""), ("GET", "measured", "204", "")),
        (Response(404, {}, b""), ("GET", "measured", "404", "404")),
        (ConnectionFailed("broken"), ("GET", "measured", "", "connection_failed")),
        (UnexpectedAnswer("b", "too much"), ("GET", "measured", "", "_OTHER")),
    ],
)
def test_every_attempt_is_measured(outcome: Response | Exception, labels: tuple[str, ...]) -> None:
    def send(*_: object) -> Response:
        if isinstance(outcome, Response):
            return outcome
        raise outcome

    exchange = Instrumented("measured", Exchange(send))
    before = _count(labels)
    if isinstance(outcome, Response):
        exchange.send(ONE, GET, 1)
    else:
        with pytest.raises(type(outcome)):
            exchange.send(ONE, GET, 1)
    assert _count(labels) == before + 1


def _count(labels: tuple[str, ...]) -> float:
    (metric,) = CALL_DURATION.labels(*labels).collect()
    return next(float(each.value) for each in metric.samples if each.name.endswith("_count"))


class Recording:
    """A transport that returns one response, and records the request."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.request = GET

    def send(self, request: Request, timeout: float) -> Response:
        assert timeout == 5
        self.request = request
        return self.response


def peer(transport: Recording) -> PeerClient:
    return PeerClient("inventory", transport, TokenSource(TokenSettings.model_validate(ISSUER)), 5)


def test_the_request_id_is_sent_to_the_peer() -> None:
    transport = Recording(OK)

    context.set_request_id("r1")

    peer(transport).request("GET", "/things", expect=(200,), query={"name": "a b"})

    assert transport.request.target == "/things?name=a+b"
    assert transport.request.headers["X-Request-ID"] == "r1"


def test_a_body_goes_as_json_and_a_key_makes_it_repeatable() -> None:
    transport = Recording(Response(201, {}, b""))

    peer(transport).request(
        "POST", "/things", expect=(201,), json={"name": "x"}, idempotency_key="k"
    )

    assert json.loads(transport.request.body or b"") == {"name": "x"}
    assert transport.request.headers["Content-Type"] == "application/json"
    assert transport.request.repeatable


def test_an_unusable_response_is_a_bad_gateway() -> None:
    with pytest.raises(UnexpectedAnswer, match="GET /things with 401") as caught:
        peer(Recording(Response(401, {}, b""))).request("GET", "/things", expect=(200,))
    assert caught.value.code == 502


def test_a_missing_field_is_named() -> None:
    class Thing(BaseModel):
        name: str

    with pytest.raises(UnexpectedAnswer, match="without a usable name"):
        peer(Recording(OK)).read(Thing, Response(200, {}, b"{}"))
    with pytest.raises(UnexpectedAnswer, match="without a usable body"):
        peer(Recording(OK)).read(Thing, Response(200, {}, b"<html>"))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://things:8000", Instance("http", "things", 8000)),
        ("https://things.example.com/", Instance("https", "things.example.com", 443)),
        ("http://[::1]:80", Instance("http", "::1", 80)),
    ],
)
def test_a_fixed_address(url: str, address: Instance) -> None:
    assert FixedResolver(url).instances("things") == (address,)
    assert address.url.startswith(url.rstrip("/").removesuffix(":443"))


@pytest.mark.parametrize("url", ["things:8000", "ftp://things", "http://", "http://things/api", ""])
def test_an_invalid_address_is_rejected(url: str) -> None:
    with pytest.raises(ValidationError, match="is not an address like http://host:8000"):
        PeerSettings(url=url)
