import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask, Response, request

from chassis import auth, mtls
from chassis.lifecycle import lifecycle
from chassis.mtls.development import Authority
from support.app import LIVE, POLICY, READ, URL, MakeToken, create_app
from support.certificates import Certificates, Client, free_port, opened, spiffe_id

# How a client learns of a handshake that the server has aborted; with TLS 1.3 it learns late.
REFUSED = (ssl.SSLError, ConnectionError)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def app(environ: dict[str, str], certificates: Certificates, port: int) -> Iterator[Flask]:
    with opened(environ | certificates.environ(port)) as app:
        yield app


@pytest.fixture
def checkout(app: Flask, certificates: Certificates, port: int) -> Iterator[Client]:  # noqa: ARG001
    with Client(port, certificates.context("checkout")) as client:
        yield client


def only(app: Flask, caller: str) -> None:
    """Allow only this caller."""
    rule = auth.Rule(READ, {caller})
    auth.use_policy(app, {name: dict.fromkeys(POLICY[name], rule) for name in POLICY})


def test_without_files_nothing_changes(environ: dict[str, str]) -> None:
    app = create_app(environ, mtls)

    assert lifecycle(app).at_start == []
    assert app.test_client().get(URL).status_code == 401


def test_a_certificate_and_a_token_are_served(
    checkout: Client, make_token: MakeToken, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    created = checkout.ask(URL, make_token(), '{"name": "Over TLS"}')

    assert created.status == 201
    assert json.loads(created.body)["name"] == "Over TLS"
    assert checkout.ask(URL).status == 401
    assert {vars(record)["tls_client"] for record in caplog.records} == {"checkout"}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("who", [None, "foreign", "expired"])
def test_the_handshake_fails(
    certificates: Certificates,
    port: int,
    tmp_path_factory: pytest.TempPathFactory,
    who: str | None,
) -> None:
    certificates.issue("expired", lifetime=timedelta(days=-1))
    foreign = Authority.kept_in(tmp_path_factory.mktemp("foreign"))
    foreign.issue(certificates.folder / "foreign.pem", spiffe_id("checkout"))

    with Client(port, certificates.context(who)) as client, pytest.raises(REFUSED):
        client.ask(LIVE)


@pytest.mark.usefixtures("app")
def test_tls_1_2_has_to_be_authenticated_encryption(certificates: Certificates, port: int) -> None:
    context = certificates.context("checkout")
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with Client(port, context) as client:
        assert client.ask(LIVE).status == 200
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")
    with Client(port, context) as client, pytest.raises(REFUSED):
        client.ask(LIVE)


@pytest.mark.parametrize(
    ("uris", "problem"),
    [
        (["spiffe://elsewhere/checkout"], "is not in the trust domain test"),
        (["https://checkout.test"], "not the SPIFFE ID"),
        (["spiffe://test/checkout", "spiffe://test/other"], "has 2 URIs"),
        (["spiffe://test/check"], "check is not an allowed caller"),
    ],
)
def test_a_certificate_with_another_name_is_rejected(
    app: Flask,
    certificates: Certificates,
    port: int,
    make_token: MakeToken,
    uris: list[str],
    problem: str,
) -> None:
    only(app, "checkout")
    certificates.issue("checkout", *uris)

    with Client(port, certificates.context("checkout")) as client:
        refused = client.ask(URL, make_token(client_id="checkout"))

        assert refused.status == 403
        assert json.loads(refused.body)["code"] == "caller_not_allowed"
        assert problem in json.loads(refused.body)["detail"]
        assert client.ask(LIVE).status == 200


def test_the_policy_has_to_allow_certificate_and_token(
    app: Flask, checkout: Client, make_token: MakeToken
) -> None:
    only(app, "checkout")

    assert checkout.ask(URL, make_token(client_id="checkout")).status == 200
    assert checkout.ask(URL, make_token(client_id="another")).status == 403


def test_the_plain_port_answers_public_views_only(app: Flask, port: int, make_token: MakeToken) -> None:
    plain = app.test_client()

    for path in (URL, "/nowhere"):
        refused = plain.get(path, headers={"Authorization": f"Bearer {make_token()}"})
        assert refused.status_code == 403
        assert refused.get_json()["code"] == "client_certificate_required"
        assert str(port) in refused.get_json()["detail"]
    for path in (LIVE, "/metrics"):
        assert plain.get(path).status_code == 200


def test_silent_clients_do_not_stall_others(checkout: Client, port: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    silent[0].sendall(b"\x16\x03\x01")  # the beginning of a handshake

    began = time.monotonic()
    assert checkout.ask(LIVE).status == 200
    assert time.monotonic() - began < 5
    for each in silent:
        each.close()


def test_a_connection_is_closed_while_draining(app: Flask, checkout: Client) -> None:
    assert checkout.ask(LIVE).status == 200
    kept = checkout.connection.sock
    lifecycle(app).drain()

    assert checkout.ask(LIVE).headers["Connection"] == "close"
    assert kept
    assert not checkout.connection.sock


@pytest.mark.parametrize(
    ("header", "body", "kept"),
    [
        (b"Content-Length: 1000", b"x" * 1000, True),
        (b"Content-Length: 100000", b"the beginning of it", False),
        (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", False),
        (b"Transfer-Encoding: chunked", b"-1\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
        (b"Transfer-Encoding:", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
    ],
    ids=["short", "long", "in chunks", "another request in it", "coded in no way"],
)
def test_an_unread_body_is_not_taken_for_a_request(
    checkout: Client, header: bytes, body: bytes, kept: bool
) -> None:
    """The body of a request without a token is not read."""
    checkout.connection.connect()
    sock = checkout.connection.sock
    head = b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % (URL.encode(), header)
    sock.sendall(head + body)
    with sock.makefile("rb") as answers:
        assert answers.readline().startswith(b"HTTP/1.1 401 ")
        if kept:
            sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        try:
            rest = answers.read()
        except ConnectionError:
            rest = b""
        assert rest.count(b"HTTP/1.1 ") == kept


@pytest.mark.parametrize(
    "doubtful",
    [
        b"Content-Length: 39\r\nContent-Length: 0",
        b"Content-Length: 39\r\n 0",
        b"Content-Length : 0",
        b"Content-Length: -1",
        b"Content-Length: +0",
        b"Content-Length: 0_0",
        b"X: a\rContent-Length: 39",
        b"X: a\nContent-Length: 39",
        b"X",
    ],
    ids=repr,
)
def test_an_ambiguous_head_is_rejected(checkout: Client, doubtful: bytes) -> None:
    checkout.connection.connect()
    sock = checkout.connection.sock
    another = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    sock.sendall(b"POST /api HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n%s" % (doubtful, another))
    with sock.makefile("rb") as answers:
        assert answers.readline().startswith(b"HTTP/1.1 400 ")
        assert b"HTTP/1.1 " not in answers.read()


@pytest.mark.parametrize(
    "line", [b"GET //[ HTTP/1.1", b"GET http://[ HTTP/1.1", b"GET //[x] HTTP/1.1"], ids=repr
)
def test_a_malformed_target_is_rejected(
    checkout: Client, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    checkout.connection.connect()
    sock = checkout.connection.sock
    sock.sendall(line + b"\r\nHost: x\r\n\r\n")
    with sock.makefile("rb") as answers:
        assert answers.readline().startswith(b"HTTP/1.1 400 ")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_headers_are_read_as_usual(app: Flask, checkout: Client) -> None:
    @auth.public
    def told() -> dict[str, str]:
        names = ("Accept", "X-Forwarded-For", "X-One")
        return {name: request.headers.get(name, "") for name in names}

    app.add_url_rule("/told", "told", told)
    checkout.connection.putrequest("GET", "/told")
    for name, value in (
        ("accept", "a/b"),
        ("x-forwarded-for", "1.1.1.1"),
        ("X-Forwarded-For", "2.2.2.2"),
        ("x-one", " yes\t"),
        ("x_one", "no"),
    ):
        checkout.connection.putheader(name, value)
    checkout.connection.endheaders()

    assert json.load(checkout.connection.getresponse()) == {
        "Accept": "a/b",
        "X-Forwarded-For": "1.1.1.1, 2.2.2.2",
        "X-One": "yes",
    }


def test_a_client_that_goes_away_is_no_error(
    app: Flask, checkout: Client, caplog: pytest.LogCaptureFixture
) -> None:
    gone, ended = threading.Event(), threading.Event()

    def without_end() -> Iterator[bytes]:
        try:
            gone.wait(10)
            while True:
                yield b"more"
        finally:
            ended.set()

    app.add_url_rule("/long", "long", auth.public(lambda: Response(without_end())))
    checkout.connection.request("GET", "/long")
    checkout.connection.close()
    gone.set()

    assert ended.wait(10)
    lifecycle(app).stop()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_requests_in_flight_are_finished(app: Flask, checkout: Client) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @auth.public
    def slow() -> Response:
        begun.set()
        go_on.wait(10)
        return Response("done")

    app.add_url_rule("/slow", "slow", slow)
    answers: list[bytes] = []
    asking = threading.Thread(target=lambda: answers.append(checkout.ask("/slow").body))
    asking.start()
    assert begun.wait(10)
    stopping = threading.Thread(target=lifecycle(app).stop)
    stopping.start()
    go_on.set()
    asking.join()
    stopping.join()

    assert answers == [b"done"]
