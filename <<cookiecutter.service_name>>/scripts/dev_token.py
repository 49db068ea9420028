"""Print a JWT for development, signed with a key that never leaves this checkout.

The key is made at the first run, in .dev/, which git ignores. A service in production accepts
neither its issuer nor its key set.
"""

import argparse
import json
import os
import time
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

FOLDER = Path(".dev")
KEY_FILE = FOLDER / "signing-key.pem"
KEY_SET_FILE = FOLDER / "jwks.json"
LIFETIME_SECONDS = 12 * 60 * 60
ALL_SCOPES = (
    "<< cookiecutter.__path >>:read",
    "<< cookiecutter.__path >>:write",
)


def signing_key() -> ec.EllipticCurvePrivateKey:
    """Give the key, made when there is none yet, and publish it in the key set."""
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
    key_set = {"keys": [public | {"kid": key_id(key), "use": "sig", "alg": "ES256"}]}
    KEY_SET_FILE.write_text(json.dumps(key_set, indent=2) + "\n")
    return key


def key_id(key: ec.EllipticCurvePrivateKey) -> str:
    """Name the key after its public half, so that a new key has a new name."""
    return f"dev-{key.public_key().public_numbers().x:064x}"[:20]


def token(key: ec.EllipticCurvePrivateKey, scopes: str) -> str:
    """Make a token that this service accepts in development."""
    now = int(time.time())
    claims = {
        "iss": os.environ.get("AUTH_ISSUER") or "urn:development",
        "aud": os.environ.get("AUTH_AUDIENCE") or "<< cookiecutter.service_name >>",
        "sub": "developer",
        "scope": scopes,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": str(uuid4()),
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": key_id(key)})


def main() -> None:
    """Print a token with the scopes of SCOPES, by default all of this service's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key-only", action="store_true", help="make the key, print nothing")
    key = signing_key()
    if not parser.parse_args().key_only:
        print(token(key, os.environ.get("SCOPES") or " ".join(ALL_SCOPES)))


if __name__ == "__main__":
    main()
