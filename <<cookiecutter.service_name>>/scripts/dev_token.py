"""Print a JWT for development, signed with a key that never leaves this checkout.

The key is made at the first run, in .dev/, which git ignores. A service in production accepts
neither its issuer nor its key set. With AUTH_TOKEN_URL, or an AUTH_ISSUER that has an address, the
token comes from that identity provider instead.
"""

import argparse
import base64
import json
import os
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from << cookiecutter.__package >> import settings
from << cookiecutter.__package >>.platform import auth
from << cookiecutter.__package >>.platform.auth.metadata import Metadata
from << cookiecutter.__package >>.platform.environ import SettingsError

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


def own_token(given: auth.Settings, scopes: str) -> str:
    """Make a token that this service accepts in development."""
    key = signing_key()
    now = int(time.time())
    claims = {
        "iss": given.issuer,
        "aud": given.audience,
        "sub": "developer",
        "client_id": "developer",
        "scope": scopes,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": str(uuid4()),
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": key_id(key)})


def token_of(url: str, audience: str, scopes: str) -> str:
    """Fetch a token from an identity provider (RFC 6749, 4.4)."""
    client = os.environ.get("AUTH_CLIENT_ID") or "developer"
    secret = os.environ.get("AUTH_CLIENT_SECRET") or "development-only"
    pair = f"{quote_plus(client)}:{quote_plus(secret)}"
    form = {"grant_type": "client_credentials", "audience": audience, "scope": scopes}
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    with urlopen(Request(url, urlencode(form).encode(), headers), timeout=10) as answer:  # noqa: S310
        token: str = json.load(answer)["access_token"]
        return token


def token(scopes: str) -> str:
    """Give a token that this service accepts as it is configured now."""
    given = settings.read(os.environ, [auth.Settings])[auth.Settings]
    url = os.environ.get("AUTH_TOKEN_URL")
    if not url and given.issuer.startswith(("http:", "https:")):
        url = Metadata(given).address("token_endpoint")
    return token_of(url, given.audience, scopes) if url else own_token(given, scopes)


def main() -> None:
    """Print a token with the scopes of SCOPES, by default all of this service's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key-only", action="store_true", help="make the key, print nothing")
    if parser.parse_args().key_only:
        signing_key()
        return
    try:
        print(token(os.environ.get("SCOPES") or " ".join(ALL_SCOPES)))
    except SettingsError as error:
        sys.exit(f"There is no token: {error}")
    except HTTPError as error:
        sys.exit(f"The identity provider gives no token: {error.read().decode(errors='replace')}")
    except (OSError, ValueError) as error:
        remedy = "start it, or unset AUTH_TOKEN_URL and AUTH_ISSUER to do without it"
        sys.exit(f"The identity provider gives no token ({error}): {remedy}")


if __name__ == "__main__":
    main()
