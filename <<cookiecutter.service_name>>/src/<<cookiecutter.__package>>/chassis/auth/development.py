"""Development tokens: JWTs signed with a key that never leaves this checkout.

The key is generated at the first run, in `.dev/`, which git ignores. A service in production
accepts neither its issuer nor its key set. With a token endpoint, or an issuer that has a URL, the
token comes from that identity provider instead.
"""

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .metadata import Metadata
from .settings import AuthSettings

FOLDER = Path(".dev")
KEY_FILE = FOLDER / "signing-key.pem"
KEY_SET_FILE = FOLDER / "jwks.json"
LIFETIME_SECONDS = 12 * 60 * 60


def signing_key() -> ec.EllipticCurvePrivateKey:
    """Return the key, generated if there is none, and publish it in the key set."""
    FOLDER.mkdir(exist_ok=True)
    if not KEY_FILE.exists():
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        KEY_FILE.touch(mode=0o600)
        KEY_FILE.write_bytes(pem)
    key = serialization.load_pem_private_key(KEY_FILE.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 (narrows the type)
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    key_set = {"keys": [public | {"kid": _key_id(key), "use": "sig", "alg": "ES256"}]}
    KEY_SET_FILE.write_text(json.dumps(key_set, indent=2) + "\n")
    return key


def token(settings: AuthSettings, environ: Mapping[str, str], scopes: str) -> str:
    """Return a token that the service accepts with these settings.

    Raises:
        OSError, ValueError: the identity provider returns none.
    """
    url = environ.get("AUTH_TOKEN_URL")
    if not url and settings.issuer.startswith(("http:", "https:")):
        url = Metadata(settings).address("token_endpoint")
    return _fetch(url, settings, environ, scopes) if url else _sign(settings, scopes)


def _sign(settings: AuthSettings, scopes: str) -> str:
    key = signing_key()
    now = int(time.time())
    claims = {
        "iss": settings.issuer,
        "aud": settings.audience,
        "sub": "developer",
        "client_id": "developer",
        "scope": scopes,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": str(uuid4()),
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": _key_id(key)})


def _fetch(url: str, settings: AuthSettings, environ: Mapping[str, str], scopes: str) -> str:
    """Fetch a token by the client credentials grant (RFC 6749, 4.4)."""
    client = environ.get("AUTH_CLIENT_ID") or "developer"
    secret = environ.get("AUTH_CLIENT_SECRET") or "development-only"
    pair = f"{quote_plus(client)}:{quote_plus(secret)}"
    form = {
        "grant_type": "client_credentials",
        "audience": settings.audience,
        "scope": scopes,
    }
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    request = Request(url, urlencode(form).encode(), headers)  # noqa: S310 (of the settings)
    with urlopen(request, timeout=10) as response:  # noqa: S310
        access_token: str = json.load(response)["access_token"]
        return access_token


def _key_id(key: ec.EllipticCurvePrivateKey) -> str:
    """Return an id derived from the public key, so that a new key has a new id."""
    return f"dev-{key.public_key().public_numbers().x:064x}"[:20]


if __name__ == "__main__":
    signing_key()
