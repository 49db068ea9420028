"""What all tests share: an issuer of their own, and the service on adapters in memory."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient

from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import in_memory
from << cookiecutter.__package >>.platform import deadline

ISSUER = "https://issuer.test"
AUDIENCE = "<< cookiecutter.service_name >>"
READ = "<< cookiecutter.__path >>:read"
WRITE = "<< cookiecutter.__path >>:write"
URL = "/api/v1/<< cookiecutter.__path >>"

MakeToken = Callable[..., str]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests call is on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(autouse=True)
def no_deadline() -> Iterator[None]:
    """What a test has to do in time is no other test's business."""
    yield
    deadline.stop()


@pytest.fixture(scope="session")
def signing_key() -> ec.EllipticCurvePrivateKey:
    """The issuer's key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def key_set_file(
    signing_key: ec.EllipticCurvePrivateKey, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The issuer's key set, as it publishes it."""
    public = jwt.algorithms.ECAlgorithm.to_jwk(signing_key.public_key(), as_dict=True)
    file = tmp_path_factory.mktemp("issuer") / "jwks.json"
    file.write_text(json.dumps({"keys": [public | {"kid": "k1", "use": "sig", "alg": "ES256"}]}))
    return file


@pytest.fixture
def environ(key_set_file: Path) -> dict[str, str]:
    """The environment of a service that trusts the issuer."""
    return {
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_ISSUER": ISSUER,
        "AUTH_JWKS_URL": key_set_file.as_uri(),
    }


@pytest.fixture(scope="session")
def make_token(signing_key: ec.EllipticCurvePrivateKey) -> MakeToken:
    """Make tokens; keywords replace claims, None leaves a claim out."""

    def make(scope: str = f"{READ} {WRITE}", **claims: Any) -> str:
        now = int(time.time())
        usual = {
            "aud": AUDIENCE,
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
def client(environ: dict[str, str], make_token: MakeToken) -> FlaskClient:
    """A caller with every scope, and the service in memory."""
    client = create_app(environ, in_memory()).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token()}"
    return client
