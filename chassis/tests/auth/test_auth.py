import base64
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.error import HTTPError

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient
from pydantic import ValidationError

from chassis.auth import keys
from chassis.auth.fetch import fetch
from chassis.auth.metadata import Metadata
from chassis.auth.settings import AuthSettings
from chassis.auth.verifier import InvalidToken, Verifier
from support.app import ISSUER, READ, SERVICE, URL, WRITE, MakeToken


def settings(**changed: object) -> AuthSettings:
    usual = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": SERVICE, "AUTH_JWKS_URL": "file:unused"}
    return AuthSettings.model_validate(usual | changed)


class Issuer:
    """An issuer whose keys can be rotated and which can be away; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.rotate("k1")

    def rotate(self, key_id: str) -> None:
        self.keys = {key_id: ec.generate_private_key(ec.SECP256R1())}

    def fetch(self) -> bytes:
        self.asked += 1
        time.sleep(0.02)
        if self.away:
            raise ConnectionError("no answer")
        public = [
            jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": key_id}
            for key_id, key in self.keys.items()
        ]
        return json.dumps({"keys": public}).encode()

    def token(self, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        key_id, key = next(iter(self.keys.items()))
        usual = {"iss": ISSUER, "aud": SERVICE, "sub": "alice", "exp": int(time.time()) + 60}
        head = {"kid": key_id} | (headers or {})
        return jwt.encode(usual | claims, key, algorithm="ES256", headers=head)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def verifier(issuer: Issuer, max_age: float = 600, **changed: object) -> Verifier:
    return Verifier(settings(**changed), keys.KeySet(issuer.fetch, max_age))


def call(client: FlaskClient, token: str | None) -> tuple[int, str]:
    client.environ_base.pop("HTTP_AUTHORIZATION", None)
    headers = {} if token is None else {"Authorization": token}
    response = client.get(URL, headers=headers)
    return response.status_code, response.headers.get("WWW-Authenticate", "")


def test_a_valid_token_passes(client: FlaskClient, make_token: MakeToken) -> None:
    assert call(client, f"Bearer {make_token()}") == (200, "")
    assert call(client, f"bearer {make_token()}") == (200, "")


@pytest.mark.parametrize("given", [None, "", "Bearer", "Basic YTpi", "Token abc"])
def test_without_a_token_the_challenge_names_no_error(
    client: FlaskClient, given: str | None
) -> None:
    status, challenge = call(client, given)

    assert status == 401
    assert challenge.startswith('Bearer realm="')
    assert "error" not in challenge


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"nbf": 4_000_000_000},
        {"iss": "https://other.test"},
        {"aud": "other"},
        {"exp": None},
        {"sub": None},
        {"aud": None},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_a_token_with_wrong_claims_is_refused(
    client: FlaskClient, make_token: MakeToken, claims: dict[str, Any]
) -> None:
    status, challenge = call(client, f"Bearer {make_token(**claims)}")

    assert status == 401
    assert 'error="invalid_token"' in challenge


@pytest.mark.parametrize("header", [{"jku": "https://evil.test"}, {"x5u": "https://evil.test"}])
def test_a_token_that_brings_its_own_keys_is_refused(
    client: FlaskClient, signing_key: ec.EllipticCurvePrivateKey, header: dict[str, str]
) -> None:
    claims = {"iss": ISSUER, "aud": SERVICE, "sub": "a", "exp": time.time() + 60, "scope": READ}
    token = jwt.encode(claims, signing_key, algorithm="ES256", headers={"kid": "k1"} | header)

    assert call(client, f"Bearer {token}")[0] == 401


def test_a_token_signed_otherwise_is_refused(
    client: FlaskClient, signing_key: ec.EllipticCurvePrivateKey
) -> None:
    claims = {"iss": ISSUER, "aud": SERVICE, "sub": "a", "exp": time.time() + 60, "scope": READ}
    kid = {"kid": "k1"}
    pem = signing_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    other = rsa.generate_private_key(65537, 2048)
    forged = [
        jwt.encode(claims, "", algorithm="none", headers=kid),
        hmac_signed(claims, kid, pem),
        jwt.encode(claims, other, algorithm="RS256", headers=kid),
        jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers=kid),
        jwt.encode(claims, signing_key, algorithm="ES256", headers={"kid": "unknown"}),
        jwt.encode(claims, signing_key, algorithm="ES256"),
        "garbage",
        "a.b.c",
        "..",
    ]

    for token in forged:
        assert call(client, f"Bearer {token}")[0] == 401, token


def hmac_signed(claims: dict[str, Any], header: dict[str, str], secret: bytes) -> str:
    """Sign as an attacker would, whom no library keeps from it (RFC 8725, 2.1)."""

    def encode(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).decode().rstrip("=")

    head = encode(json.dumps({"alg": "HS256", "typ": "JWT"} | header).encode())
    text = f"{head}.{encode(json.dumps(claims).encode())}"
    return f"{text}.{encode(hmac.digest(secret, text.encode(), 'sha256'))}"


def test_a_missing_scope_is_forbidden_and_named(client: FlaskClient, make_token: MakeToken) -> None:
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token(READ)}"

    response = client.post(URL, json={"name": "x"})

    assert response.status_code == 403
    assert "insufficient_scope" in response.headers["WWW-Authenticate"]
    assert WRITE in response.headers["WWW-Authenticate"]


def test_what_nobody_declared_is_denied(client: FlaskClient) -> None:
    client.application.add_url_rule("/open", view_func=lambda: "open")

    assert client.get("/open").status_code == 403


@pytest.mark.parametrize("path", ["/nowhere", URL])
def test_a_stranger_learns_nothing(client: FlaskClient, path: str) -> None:
    client.environ_base.pop("HTTP_AUTHORIZATION")

    assert client.get(path).status_code == 401
    assert client.put(path).status_code == 401


@pytest.mark.parametrize("claims", [{"scope": 7}, {"scope": None}, {"scp": {"a": 1}}, {}])
def test_odd_scopes_grant_nothing(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert verifier(issuer).verify(issuer.token(**claims)).scopes == set()


@pytest.mark.parametrize("head", ['{"alg": ["ES256"]}', "[" * 50_000, "[]", "null", "{}"])
def test_an_odd_header_is_no_token(issuer: Issuer, head: str) -> None:
    token = base64.urlsafe_b64encode(head.encode()).decode().rstrip("=") + ".e30.AA"

    with pytest.raises(InvalidToken):
        verifier(issuer).verify(token)


@pytest.mark.parametrize(
    "claims", [{"scp": ["a", "b"]}, {"roles": ["a", "b"]}, {"scope": "a b", "roles": ["c"]}]
)
def test_scopes_as_issuers_write_them(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert verifier(issuer).verify(issuer.token(**claims)).scopes == {"a", "b"}


@pytest.mark.parametrize("kind", ["at+jwt", "application/at+JWT", "JWT"])
def test_an_access_token_may_say_that_it_is_one(issuer: Issuer, kind: str) -> None:
    assert verifier(issuer).verify(issuer.token({"typ": kind})).subject == "alice"


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", ["JWT"]])
def test_what_else_the_issuer_signs_is_no_access_token(issuer: Issuer, kind: object) -> None:
    with pytest.raises(InvalidToken):
        verifier(issuer).verify(issuer.token({"typ": kind}))


@pytest.mark.parametrize("claims", [{"typ": "ID"}, {"at_hash": "mFfFWfaxOp6ZsHhNsM6EMg"}])
def test_who_logged_in_somewhere_has_no_access_by_that(
    issuer: Issuer, claims: dict[str, Any]
) -> None:
    with pytest.raises(InvalidToken, match="no access token"):
        verifier(issuer).verify(issuer.token(**claims))
    assert verifier(issuer).verify(issuer.token(typ="Bearer")).subject == "alice"


def test_no_end_is_too_far_away(issuer: Issuer) -> None:
    assert verifier(issuer).verify(issuer.token(exp=10**400)).subject == "alice"


def test_many_threads_cost_one_fetch(issuer: Issuer) -> None:
    checked = verifier(issuer)
    token = issuer.token()
    threads = [threading.Thread(target=checked.verify, args=(token,)) for _ in range(50)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert issuer.asked == 1


def test_a_rotated_key_is_accepted_at_once_and_the_old_one_no_longer(issuer: Issuer) -> None:
    checked = verifier(issuer)
    old = issuer.token()
    checked.verify(old)

    issuer.rotate("k2")
    checked.verify(issuer.token())

    assert issuer.asked == 2
    with pytest.raises(InvalidToken, match="unknown key"):
        checked.verify(old)


def test_a_rotation_is_not_missed_while_a_token_is_verified(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_set = keys.KeySet(issuer.fetch, 600)
    checked, old = Verifier(settings(), key_set), issuer.token()
    decode = jwt.decode

    def slow(*arguments: Any, **options: Any) -> Any:
        claims = decode(*arguments, **options)
        issuer.rotate("k2")
        assert key_set.get("k2")
        return claims

    monkeypatch.setattr(jwt, "decode", slow)
    checked.verify(old)

    with pytest.raises(InvalidToken, match="unknown key"):
        checked.verify(old)


def test_unknown_keys_do_not_hammer_the_issuer(issuer: Issuer) -> None:
    checked = verifier(issuer)
    checked.verify(issuer.token())
    stranger = Issuer()

    for number in range(20):
        stranger.rotate(f"bogus-{number}")
        with pytest.raises(InvalidToken, match="unknown key"):
            checked.verify(stranger.token())

    assert issuer.asked == 2


def test_known_keys_go_on_while_the_issuer_is_away(issuer: Issuer) -> None:
    checked = verifier(issuer, max_age=0.01)
    checked.verify(issuer.token())
    issuer.away = True
    time.sleep(0.02)

    assert checked.verify(issuer.token(sub="bob")).subject == "bob"


def test_without_any_key_nothing_can_be_verified(issuer: Issuer) -> None:
    issuer.away = True
    checked = verifier(issuer)

    for _ in range(3):
        with pytest.raises(keys.KeysUnavailable):
            checked.verify(issuer.token())

    assert issuer.asked == 1


def test_a_remembered_token_expires_all_the_same(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = verifier(issuer, AUTH_LEEWAY_SECONDS=0)
    token = issuer.token(exp=int(time.time()) + 60)
    checked.verify(token)
    monkeypatch.setattr(jwt, "decode", Mock(side_effect=jwt.ExpiredSignatureError))
    assert checked.verify(token).subject == "alice", "out of memory"

    later = time.time() + 61
    monkeypatch.setattr("time.time", lambda: later)

    with pytest.raises(InvalidToken, match="expired"):
        checked.verify(token)


def test_keys_for_other_purposes_are_left_alone(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    public = jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True)
    symmetric = {"kty": "oct", "k": "c2VjcmV0", "kid": "oct", "alg": "HS256"}
    published = [public | {"kid": "enc", "use": "enc"}, symmetric, public | {"kid": "sig"}, public]
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": published}))

    known = keys.KeySet(keys.fetcher(settings(AUTH_JWKS_URL=file.as_uri())), 600)

    assert known.get("sig")
    assert known.get("enc") is None
    assert known.get("oct") is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"keys": 1}', '{"keys": [{"kid": "a"}]}', "[" * 200_000],
    ids=lambda content: content[:30],
)
def test_a_broken_key_set_is_no_key_set(content: str) -> None:
    with pytest.raises(keys.KeysUnavailable):
        keys.KeySet(content.encode, 600).get("k1")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 600_000,
        b"no HTTP\r\n\r\n",
    ],
    ids=["redirect", "error", "cut off", "endless", "garbage"],
)
def test_what_is_no_answer_can_not_be_had(answer: bytes) -> None:
    """Nor is anything asked for twice, as a redirect would have it."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        server.settimeout(10)

        def respond() -> None:
            with server.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(answer)

        responding = thread.submit(respond)
        with pytest.raises(OSError, match=r"HTTP|bytes"):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/keys")
        responding.result()


@pytest.mark.parametrize(
    ("claims", "client"),
    [
        ({"client_id": "checkout", "azp": "checkout"}, "checkout"),
        ({"client_id": "checkout", "azp": "other"}, None),
        ({"client_id": ["checkout"], "azp": "checkout"}, None),
        ({"azp": "checkout"}, "checkout"),
        ({"appid": "checkout"}, "checkout"),
        ({"cid": "checkout"}, "checkout"),
        ({"client_id": 7}, None),
        ({}, None),
    ],
)
def test_the_client_is_whom_the_token_was_issued_to(
    issuer: Issuer, claims: dict[str, Any], client: str | None
) -> None:
    assert verifier(issuer).verify(issuer.token(**claims)).client == client


class Published:
    """What an issuer publishes, by address; counts what is asked for."""

    def __init__(self, documents: dict[str, object]) -> None:
        self.documents = documents
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.documents:
            raise HTTPError(url, 404, "Not Found", Message(), BytesIO())
        return json.dumps(self.documents[url]).encode()


@pytest.mark.parametrize(
    ("issuer_url", "where"),
    [
        ("https://id.test", "https://id.test/.well-known/openid-configuration"),
        ("https://id.test/", "https://id.test/.well-known/openid-configuration"),
        ("https://id.test/realms/a", "https://id.test/realms/a/.well-known/openid-configuration"),
        ("https://id.test", "https://id.test/.well-known/oauth-authorization-server"),
        ("https://id.test/a/", "https://id.test/.well-known/oauth-authorization-server/a"),
    ],
)
def test_the_issuer_says_where_its_keys_are(issuer_url: str, where: str) -> None:
    document = {"issuer": issuer_url, "jwks_uri": "https://keys.test/set"}
    published = Published({where: document})
    metadata = Metadata(settings(AUTH_ISSUER=issuer_url), published.fetch)

    assert metadata.address("jwks_uri") == "https://keys.test/set"
    assert metadata.address("jwks_uri") == "https://keys.test/set"
    assert published.asked[-1] == where
    assert len(set(published.asked)) == len(published.asked)


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://id.test/", "jwks_uri": "https://keys.test/set"},
        {"issuer": "https://id.test", "jwks_uri": "http://keys.test/set"},
        {"issuer": "https://id.test", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "https://id.test", "jwks_uri": 7},
        {"issuer": "https://id.test"},
        {},
        [],
    ],
    ids=str,
)
def test_metadata_that_nobody_should_believe(document: object) -> None:
    published = Published({"https://id.test/.well-known/openid-configuration": document})
    trusting = settings(AUTH_ISSUER="https://id.test", ENVIRONMENT="production", AUTH_JWKS_URL=None)

    with pytest.raises(ValueError, match=r"https://id\.test"):
        Metadata(trusting, published.fetch).address("jwks_uri")


def test_metadata_is_fetched_once_until_an_address_fails() -> None:
    where = "https://id.test/.well-known/openid-configuration"
    published = Published({where: {"issuer": "https://id.test", "jwks_uri": "https://a.test"}})
    metadata = Metadata(settings(AUTH_ISSUER="https://id.test"), published.fetch)
    ask = [threading.Thread(target=metadata.address, args=("jwks_uri",)) for _ in range(50)]

    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert len(published.asked) == 1

    metadata.forget()
    metadata.address("jwks_uri")
    assert len(published.asked) == 2


def test_keys_of_an_issuer_that_says_where_they_are(issuer: Issuer) -> None:
    key_set = json.loads(issuer.fetch())
    with serving({"/keys": key_set}) as url:
        key = keys.KeySet(keys.fetcher(settings(AUTH_ISSUER=url, AUTH_JWKS_URL=None)), 600)

        assert key.get("k1")
        assert key.get("k2") is None


def test_a_place_that_says_nothing_is_no_issuer() -> None:
    with pytest.raises(ValidationError, match="since AUTH_ISSUER is no https:// address"):
        settings(AUTH_ISSUER="urn:some-issuer", AUTH_JWKS_URL=None)


@contextmanager
def serving(documents: dict[str, object]) -> Iterator[str]:
    """An issuer on this machine, with its metadata; gives its name."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = documents.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        metadata = {"issuer": url, "jwks_uri": f"{url}/keys"}
        documents["/.well-known/oauth-authorization-server"] = metadata
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()
