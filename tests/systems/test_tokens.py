"""Access tokens at the running service: accepted and rejected ones, and the reasons given."""

import base64
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.http import ORDERS, Answer
from tests.support.issuer import Issuer, Key
from tests.support.running import Place, Service, at_once, elapsed


def _segment(content: bytes | object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unsigned(header: object, issuer: Issuer) -> str:
    return f"{_segment(header)}.{_segment(issuer.claims())}."


def _signed_with_the_public_key(issuer: Issuer) -> str:
    """Return tokens for the RS256/HS256 confusion: the secret is the public key, in any format."""
    public = issuer.rsa.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = _segment({"alg": "HS256", "kid": issuer.rsa.id, "typ": "JWT"})
    signed = f"{head}.{_segment(issuer.claims())}"
    return f"{signed}.{_segment(hmac.digest(pem, signed.encode(), sha256))}"


def _key_from_elsewhere(header: str) -> Callable[[Issuer, Issuer], str]:
    def token(issuer: Issuer, thief: Issuer) -> str:
        where = thief.ec.public if header == "jwk" else thief.keys_url
        return issuer.token(key=thief.ec, headers={header: where})

    return token


def _stolen_name(issuer: Issuer, thief: Issuer) -> str:
    return issuer.token(key=Key(issuer.ec.id, "ES256", thief.ec.private))


def _altered(issuer: Issuer, _: Issuer) -> str:
    head, _claims, signature = issuer.token().split(".")
    return f"{head}.{_segment(issuer.claims(sub='mallory'))}.{signature}"


def _of_another_algorithm(issuer: Issuer, _thief: Issuer) -> str:
    _head, claims, signature = issuer.token().split(".")
    return f"{_segment({'alg': 'RS256', 'kid': issuer.ec.id})}.{claims}.{signature}"


HOUR = 3600
PATIENCE = 25  # less than the silence, more than the request timeout on a busy machine
REFUSED: dict[str, Callable[[Issuer, Issuer], str]] = {
    "garbage": lambda *_: "garbage",
    "three times garbage": lambda *_: "a.b.c",
    "JSON": lambda *_: "{}",
    "alg none": lambda issuer, _: _unsigned({"alg": "none", "kid": issuer.ec.id}, issuer),
    "alg None": lambda issuer, _: _unsigned({"alg": "None", "kid": issuer.ec.id}, issuer),
    "no alg": lambda issuer, _: _unsigned({"kid": issuer.ec.id}, issuer),
    "alg a list": lambda issuer, _: _unsigned({"alg": ["ES256"], "kid": issuer.ec.id}, issuer),
    "alg an object": lambda issuer, _: _unsigned({"alg": {}, "kid": issuer.ec.id}, issuer),
    "kid a list": lambda issuer, _: _unsigned({"alg": "ES256", "kid": [1]}, issuer),
    "header a list": lambda issuer, _: _unsigned([], issuer),
    "header nested deeply": lambda issuer, _: _unsigned_raw(b"[" * 50_000, issuer),
    "header with a huge number": lambda issuer, _: _unsigned_raw(
        b'{"alg": "ES256", "x": ' + b"9" * 5000 + b"}", issuer
    ),
    "the end of a session": lambda issuer, _: issuer.token(headers={"typ": "logout+jwt"}),
    "crit": lambda issuer, _: issuer.token(headers={"crit": ["unknown"], "unknown": True}),
    "HS256 with the public key": lambda issuer, _: _signed_with_the_public_key(issuer),
    "unknown kid": lambda issuer, thief: issuer.token(key=thief.ec),
    "no kid": lambda issuer, _: issuer.token(headers={"kid": None}),
    "known kid, another's key": _stolen_name,
    "another algorithm than the key's": _of_another_algorithm,
    "altered": _altered,
    "expired": lambda issuer, _: issuer.token(exp=issuer.claims()["iat"] - HOUR),
    "no expiry": lambda issuer, _: issuer.token(exp=None),
    "not yet valid": lambda issuer, _: issuer.token(nbf=issuer.claims()["iat"] + HOUR),
    "wrong issuer": lambda issuer, thief: issuer.token(iss=thief.name),
    "no issuer": lambda issuer, _: issuer.token(iss=None),
    "wrong audience": lambda issuer, _: issuer.token(aud="inventory"),
    "other audiences": lambda issuer, _: issuer.token(aud=["inventory", "orders-admin"]),
    "no audience": lambda issuer, _: issuer.token(aud=None),
    "no subject": lambda issuer, _: issuer.token(sub=None),
    **{f"{name} elsewhere": _key_from_elsewhere(name) for name in ("jku", "x5u", "jwk")},
}

# Signed by the issuer, but invalid by RFC 7519 or RFC 9068.
ODD_CLAIMS: dict[str, Any] = {
    "exp a text": {"exp": "soon"},
    "exp a number as text": {"exp": "9999999999"},
    "exp infinite": {"exp": float("inf")},
    "exp an object": {"exp": {}},
    "exp true": {"exp": True},
    "exp without end": {"exp": 1e308},
    "exp beyond all numbers": {"exp": 10**400},
    "nbf a text": {"nbf": "now"},
    "aud an object": {"aud": {"orders": 1}},
    "aud numbers": {"aud": [1, 2]},
    "iss a list": {"iss": ["x"]},
    "sub a number": {"sub": 7},
    "scope a number": {"scope": 7},
    "scope true": {"scope": True},
    "scope an object": {"scope": {"orders:read": 1}},
    "scope of objects": {"scope": [{}, []]},
}


def _unsigned_raw(header: bytes, issuer: Issuer) -> str:
    return f"{_segment(header)}.{_segment(issuer.claims())}."


@pytest.fixture(scope="module")
def service(default_place: Place) -> Iterator[Service]:
    """The running service."""
    with default_place.serve() as service:
        yield service


def test_rejected_tokens_get_a_reason(service: Service, default_place: Place) -> None:
    with Issuer() as thief:
        for what, make in REFUSED.items():
            answer = service.get(token=make(default_place.issuer, thief))
            _assert_refused(answer, what)
            assert _challenge(answer)["error"] == "invalid_token", what
        assert thief.fetches == 0, "a token must not name the place of its key"
    assert service.get().status == 200


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "bearer"])
def test_without_token(service: Service, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in [
        ("GET", ORDERS),
        ("POST", ORDERS),
        ("DELETE", f"{ORDERS}/1"),
        ("GET", "/nowhere"),
    ]:
        answer = service.ask(method, path, headers=headers, token=None)
        _assert_refused(answer, f"{method} {path}")
        # RFC 6750, 3: no error code if the request had no token.
        assert _challenge(answer) == {"realm": "orders"}


def test_odd_claims_cause_no_errors(service: Service, default_place: Place) -> None:
    for what, claims in ODD_CLAIMS.items():
        answer = service.get(token=default_place.issuer.token(**claims))
        assert answer.status in {200, 401, 403}, f"{what}: {answer.status} {answer.body!r}"
    assert not service.bugs()


def test_any_bytes_in_the_header_cause_no_errors(service: Service) -> None:
    """The server rejects some; others get 4xx, and the service keeps running."""
    contents = {
        "high bytes": bytes(range(0x80, 0x100)),
        "every byte": bytes(set(range(0x100)) - set(b"\r\n\0")),
        "a NUL": b"Bearer a\0b",
        "unicode": "Bearer \u202e\U0001f511é".encode(),
        "half a character": b"Bearer \xf0\x9f\x94",
        "100 KB": b"Bearer " + b"a" * 100_000,
        "100 KB of dots": b"Bearer " + b"." * 100_000,
        "100 KB of high bytes": b"Bearer " + b"\xff" * 100_000,
        "many spaces": b"Bearer" + b" " * 10_000 + b"x",
        "two tokens": b"Bearer a b",
        "a comma": b"Bearer a, Bearer b",
        "quotes": b'Bearer "\\"',
    }
    for what, content in contents.items():
        status = _status_of_raw(service, content)
        assert status is None or 400 <= status < 500, f"{what}: {status}"
        assert service.get().status == 200, what
    assert not service.bugs()


def test_scope_is_needed(service: Service, default_place: Place) -> None:
    reader = default_place.issuer.token(scope="orders:read")

    assert service.get(token=reader).status == 200
    refused = service.post({"name": "First"}, token=reader)
    assert refused.status == 403
    assert refused.json()["code"] == "forbidden"
    assert _challenge(refused)["error"] == "insufficient_scope"
    assert _challenge(refused)["scope"] == "orders:write"
    for scope in ("", "orders", "orders:reader", "ORDERS:READ", "inventories:read", None):
        assert service.get(token=default_place.issuer.token(scope=scope)).status == 403, scope
    in_a_list = default_place.issuer.token(scope=None, scp=["orders:read"])
    assert service.get(token=in_a_list).status == 200


def test_both_algorithms(service: Service, default_place: Place) -> None:
    issuer = default_place.issuer
    for key in (issuer.rsa, issuer.ec):
        assert service.get(token=issuer.token(key=key)).status == 200
    assert service.get(token=issuer.token(aud=["inventory", "orders"])).status == 200


def test_health_and_docs_are_open(service: Service) -> None:
    paths = ("/health/live", "/health/ready", "/health/startup", "/metrics", "/openapi.json")
    for path in (*paths, "/docs"):
        assert service.get(path, token=None).status == 200, path


def test_rotated_keys_are_accepted_at_once(default_place: Place) -> None:
    with Issuer() as issuer, default_place.serve(issuer) as service:
        old = issuer.token()
        assert service.get(token=old).status == 200

        issuer.rotate()

        assert service.get(token=issuer.token()).status == 200
        _assert_refused(service.get(token=old), "a token of a withdrawn key")


def test_a_new_key_causes_one_fetch(default_place: Place) -> None:
    with Issuer() as issuer, default_place.serve(issuer, WEB_THREADS="16") as service:
        before, issuer.pause = issuer.fetches, 0.5
        issuer.rotate()
        tokens = [issuer.token() for _ in range(50)]

        answers = at_once([partial(service.get, token=token) for token in tokens])

        assert [answer.status for answer in answers] == [200] * 50
        assert issuer.fetches == before + 1


def test_unknown_keys_cause_few_fetches(service: Service, default_place: Place) -> None:
    issuer = default_place.issuer
    before = issuer.fetches

    for number in range(100):
        answer = service.get(token=issuer.token(headers={"kid": f"made-up-{number}"}))
        _assert_refused(answer, "a made-up key")

    assert issuer.fetches <= before + 2


def test_known_keys_work_without_the_issuer(default_place: Place) -> None:
    with (
        Issuer() as issuer,
        default_place.serve(issuer, AUTH_KEYS_MAX_AGE_SECONDS="0.5") as service,
    ):
        issuer.stop()

        for _ in range(20):
            assert service.get(token=issuer.token()).status == 200
        assert service.is_ready()
        _assert_refused(service.get(token=issuer.token(key=Key.make("ES256"))), "unknown key")
        assert service.get(token=issuer.token()).status == 200


def test_starts_before_its_issuer(default_place: Place) -> None:
    issuer = Issuer()
    with default_place.process(issuer) as service:
        service.wait_for(service.is_alive, "alive")
        ready = service.get("/health/ready", token=None)
        assert ready.status == 503
        assert ready.json()["checks"]["auth_keys"]["status"] == "unavailable"
        assert ready.json()["checks"]["database"]["status"] == "ok"
        refused = service.get()
        assert refused.status == 503
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert int(refused.headers["Retry-After"]) > 0

        with issuer:
            service.wait_until_ready()
            assert service.get().status == 200


def test_a_silent_issuer_does_not_block_other_requests(default_place: Place) -> None:
    """The issuer accepts connections and never responds."""
    with Issuer() as issuer, default_place.serve(issuer) as service:
        assert service.get().status == 200
        issuer.pause = 60
        strangers = [issuer.token(key=Key.make("ES256")) for _ in range(4)]

        known, *unknown = at_once(
            [
                partial(elapsed, partial(service.get, token=token))
                for token in (issuer.token(), *strangers)
            ]
        )

        assert known[0].status == 200
        assert known[1] < PATIENCE
        for answer, took in unknown:
            assert answer.status in {401, 503}
            assert took < PATIENCE


def test_a_silent_issuer_at_the_start(default_place: Place) -> None:
    with Issuer() as issuer:
        issuer.pause = 60
        with default_place.process(issuer) as service:
            service.wait_for(service.is_alive, "alive")

            for answer, took in at_once([partial(elapsed, service.get)] * 4):
                assert answer.status == 503
                assert took < PATIENCE
            assert service.is_alive()


def _assert_refused(answer: Answer, what: str) -> None:
    assert answer.status == 401, f"{what}: {answer.status} {answer.body!r}"
    assert _challenge(answer)["realm"] == "orders", what
    assert answer.headers["Content-Type"] == "application/problem+json", what
    problem = answer.json()
    assert problem["status"] == 401, what
    assert problem["code"] == "unauthorized", what


def _challenge(answer: Answer) -> dict[str, str]:
    """Return the parsed challenge (RFC 6750); RFC 9110, 11.5 requires quotes for the realm."""
    scheme, _, parameters = answer.headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Bearer"
    assert 'realm="' in parameters
    return parse_keqv_list(parse_http_list(parameters))


def _status_of_raw(service: Service, authorization: bytes) -> int | None:
    """Return the status, or None if the connection was closed without one."""
    head = f"GET {ORDERS} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port), 30) as connection:
        try:
            connection.sendall(head + b"Authorization: " + authorization + b"\r\n\r\n")
            answer = connection.makefile("rb").readline()
        except ConnectionError:
            return None
    return int(answer.split()[1]) if answer else None
