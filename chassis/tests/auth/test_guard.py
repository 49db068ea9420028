import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient

from chassis import auth
from support.app import ISSUER, POLICY, READ, SERVICE, URL, WRITE, MakeToken


def call(client: FlaskClient, token: str | None) -> tuple[int, str]:
    client.environ_base.pop("HTTP_AUTHORIZATION", None)
    headers = {} if token is None else {"Authorization": token}
    response = client.get(URL, headers=headers)
    return response.status_code, response.headers.get("WWW-Authenticate", "")


def test_a_valid_token_passes(client: FlaskClient, make_token: MakeToken) -> None:
    assert call(client, f"Bearer {make_token()}") == (200, "")
    assert call(client, f"bearer {make_token()}") == (200, "")


@pytest.mark.parametrize("given", [None, "", "Bearer", "Basic YTpi", "Token abc"])
def test_without_a_token_the_challenge_names_no_error(client: FlaskClient, given: str | None) -> None:
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
def test_a_token_that_carries_its_own_keys_is_refused(
    client: FlaskClient, signing_key: ec.EllipticCurvePrivateKey, header: dict[str, str]
) -> None:
    claims = {"iss": ISSUER, "aud": SERVICE, "sub": "a", "exp": time.time() + 60, "scope": READ}
    token = jwt.encode(claims, signing_key, algorithm="ES256", headers={"kid": "k1"} | header)

    assert call(client, f"Bearer {token}")[0] == 401


def test_a_token_with_another_signature_is_refused(
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
    """Sign with a public key as the secret, which libraries refuse to do (RFC 8725, 2.1)."""

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


def test_a_view_without_a_rule_is_denied(client: FlaskClient) -> None:
    client.application.add_url_rule("/open", view_func=lambda: "open")

    assert client.get("/open").status_code == 403


def allow(client: FlaskClient, *callers: str) -> None:
    """Allow only these clients to read."""
    rule = auth.Rule(READ, frozenset(callers))
    auth.use_policy(client.application, {name: dict.fromkeys(POLICY[name], rule) for name in POLICY})


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"client_id": "checkout"}, 200),
        ({"azp": "checkout"}, 200),
        ({"client_id": "check"}, 403),
        ({"client_id": "other", "azp": "checkout"}, 403),
        ({"sub": "checkout"}, 403),
    ],
)
def test_only_the_callers_of_a_rule_pass(
    client: FlaskClient, make_token: MakeToken, claims: dict[str, str], status: int
) -> None:
    allow(client, "checkout")

    assert call(client, f"Bearer {make_token(READ, **claims)}")[0] == status


def test_a_caller_that_no_rule_names_is_told(client: FlaskClient) -> None:
    allow(client)

    response = client.get(URL)

    assert response.status_code == 403
    assert response.get_json()["code"] == "caller_not_allowed"
    assert "WWW-Authenticate" not in response.headers


def test_callers_are_a_set() -> None:
    with pytest.raises(TypeError, match="are a set"):
        auth.Rule(READ, "checkout")  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/nowhere", URL])
def test_without_a_token_every_path_answers_401(client: FlaskClient, path: str) -> None:
    client.environ_base.pop("HTTP_AUTHORIZATION")

    assert client.get(path).status_code == 401
    assert client.put(path).status_code == 401
