"""Fixtures of all tests: an issuer of tokens, and the small application that trusts it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from flask.testing import FlaskClient

from chassis import context
from support.app import ISSUER, READ, SERVICE, WRITE, MakeToken, create_app


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep calls on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(autouse=True)
def clean_context() -> Iterator[None]:
    """Remove the deadline and the request id that a test has set."""
    yield
    context.clear_deadline()
    context.set_request_id(None)


@pytest.fixture(scope="session")
def signing_key() -> ec.EllipticCurvePrivateKey:
    """Return the issuer's key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def key_set_file(
    signing_key: ec.EllipticCurvePrivateKey, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the issuer's published key set."""
    public = jwt.algorithms.ECAlgorithm.to_jwk(signing_key.public_key(), as_dict=True)
    file = tmp_path_factory.mktemp("issuer") / "jwks.json"
    file.write_text(json.dumps({"keys": [public | {"kid": "k1", "use": "sig", "alg": "ES256"}]}))
    return file


@pytest.fixture
def environ(key_set_file: Path) -> dict[str, str]:
    """Return the environment of a process that trusts the issuer."""
    return {
        "AUTH_AUDIENCE": SERVICE,
        "AUTH_ISSUER": ISSUER,
        "AUTH_JWKS_URL": key_set_file.as_uri(),
    }


@pytest.fixture(scope="session")
def make_token(signing_key: ec.EllipticCurvePrivateKey) -> MakeToken:
    """Return a function that makes tokens; keywords replace claims, None removes one."""

    def make(scope: str = f"{READ} {WRITE}", **claims: Any) -> str:
        now = int(time.time())
        usual = {
            "aud": SERVICE,
            "exp": now + 300,
            "iat": now,
            "iss": ISSUER,
            "scope": scope,
            "sub": "alice",
        }
        given = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(given, signing_key, algorithm="ES256", headers={"kid": "k1"})

    return make


@pytest.fixture
def app(environ: dict[str, str]) -> Flask:
    """Return the application over plain HTTP."""
    return create_app(environ)


@pytest.fixture
def client(app: Flask, make_token: MakeToken) -> FlaskClient:
    """Return a client of the application whose token has every scope."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token()}"
    return client
