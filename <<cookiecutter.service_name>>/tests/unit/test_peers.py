import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask, g
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel, ValidationError
from urllib3 import PoolManager

from << cookiecutter.__package >>.platform.discovery import Instance
from << cookiecutter.__package >>.platform.discovery.fixed_peers import Fixed
from << cookiecutter.__package >>.platform.peers import http
from << cookiecutter.__package >>.platform.peers.balance import Balanced
from << cookiecutter.__package >>.platform.peers.measure import CALL_DURATION, measured
from << cookiecutter.__package >>.platform.peers.messages import (
    ConnectionFailed,
    PeerUnavailable,
    Request,
    Response,
    UnexpectedAnswer,
)
from << cookiecutter.__package >>.platform.peers.peer import Peer
from << cookiecutter.__package >>.platform.peers.settings import PeerSettings
from << cookiecutter.__package >>.platform.peers.token_settings import TokenSettings
from << cookiecutter.__package >>.platform.peers.tokens import Tokens

GET = Request("GET", "/things?limit=1", {"X-Test": "yes"})
OK = Response(200, {}, b"")


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


def fine(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"ok")


def drop_by_drop(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b".")
        time.sleep(0.05)


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

    found = http.send(PoolManager(), server.instance, GET, 0.75)

    method, target, headers, _ = server.seen[0]
    assert (found.status, found.body) == (200, b"ok")
    assert (method, target, headers["X-Test"]) == ("GET", "/things?limit=1", "yes")
    assert headers["X-Request-Timeout-Ms"] == "750"


def test_the_connection_is_kept(serve: Serve) -> None:
    server, pool = serve(fine), PoolManager()

    for _ in range(3):
        http.send(pool, server.instance, GET, 1)

    kept = pool.connection_from_url(server.instance.url)
    assert (kept.num_connections, kept.num_requests) == (1, 3)


@pytest.mark.parametrize("answer", [drop_by_drop, breaks_off])
def test_a_response_that_does_not_end_in_time_is_none(
    serve: Serve, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server = serve(answer)
    began = time.monotonic()

    with pytest.raises(ConnectionFailed):
        http.send(PoolManager(), server.instance, GET, 0.3)
    assert time.monotonic() - began < 1


def test_nobody_there_is_a_connection_that_failed() -> None:
    with pytest.raises(ConnectionFailed):
        http.send(PoolManager(), Instance("http", "127.0.0.1", 1), GET, 1)


ONE, TWO = Instance("http", "one", 80), Instance("http", "two", 80)


def balanced(
    send: Callable[[Instance], Response], instances: Sequence[Instance] = (ONE, TWO)
) -> Balanced:
    return Balanced("inventory", lambda: instances, lambda instance, *_: send(instance), 0.5)


def test_an_instance_that_fails_is_set_aside_for_a_while() -> None:
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
    time.sleep(0.6)
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
            done.wait(5)
        return OK

    transport = balanced(send)
    slow = threading.Thread(target=transport.send, args=(GET, 5))
    slow.start()
    assert busy.wait(5)
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
    ],
)
def test_every_attempt_is_measured(
    outcome: Response | ConnectionFailed, labels: tuple[str, ...]
) -> None:
    def send(*_: object) -> Response:
        if isinstance(outcome, Response):
            return outcome
        raise outcome

    before = _count(labels)
    if isinstance(outcome, Response):
        measured("measured", send)(ONE, GET, 1)
    else:
        with pytest.raises(ConnectionFailed):
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
    issuer = {"AUTH_AUDIENCE": "caller", "AUTH_ISSUER": "urn:development"}
    return Peer("inventory", transport, Tokens(TokenSettings.model_validate(issuer)), 5)


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
