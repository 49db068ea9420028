import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import gaierror
from types import SimpleNamespace

import pytest
from flask import Flask, g
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel, ValidationError
from urllib3 import PoolManager

from << cookiecutter.__package >>.api.problems import documented
from << cookiecutter.__package >>.platform.discovery import Instance
from << cookiecutter.__package >>.platform.discovery.fixed_peers import Fixed
from << cookiecutter.__package >>.platform.peers import (
    balance,
    connection,
    http,
)
from << cookiecutter.__package >>.platform.peers.balance import Balanced
from << cookiecutter.__package >>.platform.peers.measure import CALL_DURATION, measured
from << cookiecutter.__package >>.platform.peers.messages import (
    ConnectionFailed,
    PeerUnavailable,
    Request,
    Response,
    UnexpectedAnswer,
)
from << cookiecutter.__package >>.platform.peers.peer import (
    Peer,
    Peers,
)
from << cookiecutter.__package >>.platform.peers.settings import (
    PeerSettings,
    PeersSettings,
)
from << cookiecutter.__package >>.platform.peers.token_settings import TokenSettings
from << cookiecutter.__package >>.platform.peers.tokens import Tokens

GET = Request("GET", "/things?limit=1", {"X-Test": "yes"})
OK = Response(200, {}, b"")
ISSUER = {"AUTH_AUDIENCE": "caller", "AUTH_ISSUER": "urn:development"}


class Server(ThreadingHTTPServer):
    """Notes what it is asked, and answers as it is told."""

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
        """Some clients hang up, as they should."""


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
def test_a_response_that_does_not_end_in_time_is_none(
    serve: Serve, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server = serve(answer)

    with gives_up_in_time():
        http.send(pool(), server.instance, GET, 0.3)


def test_nobody_there_is_a_connection_that_failed() -> None:
    with pytest.raises(ConnectionFailed):
        http.send(pool(), Instance("http", "127.0.0.1", 1), GET, 1)


def test_a_name_that_is_not_resolved_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answered.wait(60) and [])

    with gives_up_in_time():
        http.send(pool(), Instance("http", "stock.test", 80), GET, 0.1)
    answered.set()


@pytest.mark.parametrize("error", [gaierror("unknown"), UnicodeError("too long")])
def test_a_name_that_nobody_has(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("socket.getaddrinfo", unknown)

    with pytest.raises(ConnectionFailed, match=r"Can't connect to stock\.test"):
        http.send(pool(), Instance("http", "stock.test", 80), GET, 5)


def test_of_several_addresses_each_has_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, float]] = []

    def connect(address: tuple[str, int], seconds: float, **_: object) -> None:
        tried.append((address[0], seconds))
        raise ConnectionRefusedError

    hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    found = [(0, 0, 0, "", (host, 80)) for host in hosts]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(connection, "create_connection", connect)

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


def test_too_much_is_no_reason_not_to_call_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_MAX_BODY_BYTES", 1)
    server = serve(fine)
    settings = PeersSettings.model_validate({"PEER_BREAKER_FAILURES": "1"})
    tokens = Tokens(TokenSettings.model_validate(ISSUER))
    peers = Peers(settings, Fixed(server.instance.url), http.PlainPools(4), tokens)
    stock = peers.peer("stock", PeerSettings())

    for _ in range(3):
        with pytest.raises(UnexpectedAnswer, match="stock answered with more than 1 bytes"):
            stock.request("GET", "/", expect=(200,))
    assert len(server.seen) == 3


def pool() -> PoolManager:
    return http.PlainPools(4).pool("stock")


ONE, TWO = Instance("http", "one", 80), Instance("http", "two", 80)


def balanced(
    send: Callable[[Instance], Response], instances: Sequence[Instance] = (ONE, TWO)
) -> Balanced:
    return Balanced("inventory", lambda: instances, lambda instance, *_: send(instance), 60)


def test_an_instance_that_fails_is_set_aside_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
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
    monkeypatch.setattr(balance, "time", later)
    while ONE not in asked:
        _outcome(transport)


def test_when_all_are_set_aside_any_is_better_than_none() -> None:
    transport = balanced(lambda _: Response(503, {}, b""))

    assert [transport.send(GET, 1).status for _ in range(4)] == [503] * 4


def test_the_instance_with_the_least_to_do_is_chosen() -> None:
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
    with pytest.raises(PeerUnavailable, match="no instance"):
        balanced(lambda _: OK, ()).send(GET, 1)


def _outcome(transport: Balanced) -> Response | None:
    try:
        return transport.send(GET, 1)
    except ConnectionFailed:
        return None


def test_an_attempt_is_a_client_span_and_carries_the_trace() -> None:
    sent: list[Request] = []

    def send(_: Instance, request: Request, __: float) -> Response:
        sent.append(request)
        return OK

    with TracerProvider().get_tracer("test").start_as_current_span("incoming") as span:
        measured("inventory", send)(ONE, GET, 1)

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

    before = _count(labels)
    if isinstance(outcome, Response):
        measured("measured", send)(ONE, GET, 1)
    else:
        with pytest.raises(type(outcome)):
            measured("measured", send)(ONE, GET, 1)
    assert _count(labels) == before + 1


def _count(labels: tuple[str, ...]) -> float:
    (metric,) = CALL_DURATION.labels(*labels).collect()
    return next(float(each.value) for each in metric.samples if each.name.endswith("_count"))


class Recording:
    """A transport that gives one response, and notes the request."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.request = GET

    def send(self, request: Request, timeout: float) -> Response:
        assert timeout == 5
        self.request = request
        return self.response


def peer(transport: Recording) -> Peer:
    return Peer("inventory", transport, Tokens(TokenSettings.model_validate(ISSUER)), 5)


def test_a_peer_is_told_the_request_id() -> None:
    transport = Recording(OK)

    with Flask(__name__).app_context():
        g.request_id = "r1"
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


def test_an_answer_that_nobody_can_use_is_a_bad_gateway() -> None:
    with pytest.raises(UnexpectedAnswer, match="GET /things with 401") as caught:
        peer(Recording(Response(401, {}, b""))).request("GET", "/things", expect=(200,))
    assert caught.value.code == 502


@pytest.mark.parametrize(
    "error", [PeerUnavailable("inventory", "it is away"), UnexpectedAnswer("inventory", "nonsense")]
)
def test_a_view_can_document_what_a_peer_makes_it_answer(
    error: PeerUnavailable | UnexpectedAnswer,
) -> None:
    assert error.code in documented(error.code)


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
    assert Fixed(url).instances("things") == (address,)
    assert address.url.startswith(url.rstrip("/").removesuffix(":443"))


@pytest.mark.parametrize("url", ["things:8000", "ftp://things", "http://", "http://things/api", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="is no address like http://host:8000"):
        PeerSettings(url=url)
