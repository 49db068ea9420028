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
from typing import Any
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .metadata import Metadata
from .settings import AuthSettings

LIFETIME_SECONDS = 12 * 60 * 60


class Issuer:
    """Signs tokens with the key in a folder, generated if there is none.

    Attributes:
        keys: the published key set.
    """

    def __init__(self, folder: Path = Path(".dev")) -> None:
        folder.mkdir(exist_ok=True)
        self.keys = folder / "jwks.json"
        self._key = _signing_key(folder / "signing-key.pem")
        public = self._key.public_key()
        self._key_id = f"dev-{public.public_numbers().x:064x}"[:20]
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
        key_set = {"keys": [jwk | {"kid": self._key_id, "use": "sig", "alg": "ES256"}]}
        self.keys.write_text(json.dumps(key_set, indent=2) + "\n")

    def token(self, settings: AuthSettings, scopes: str, **claims: Any) -> str:
        """Return a token for the audience of these settings; keywords replace claims."""
        now = int(time.time())
        defaults = {
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
        headers = {"kid": self._key_id}
        return jwt.encode(defaults | claims, self._key, algorithm="ES256", headers=headers)


def token(settings: AuthSettings, environ: Mapping[str, str], scopes: str) -> str:
    """Return a token that the service accepts with these settings.

    Raises:
        OSError, ValueError: the identity provider returns none.
    """
    url = environ.get("AUTH_TOKEN_URL")
    if not url and settings.issuer.startswith(("http:", "https:")):
        url = Metadata(settings).address("token_endpoint")
    return _fetch(url, settings, environ, scopes) if url else Issuer().token(settings, scopes)


def _signing_key(file: Path) -> ec.EllipticCurvePrivateKey:
    if not file.exists():
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.touch(mode=0o600)
        file.write_bytes(pem)
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 (narrows the type)
    return key


def _fetch(url: str, settings: AuthSettings, environ: Mapping[str, str], scopes: str) -> str:
    """Fetch a token by the client credentials grant (RFC 6749, 4.4)."""
    client = environ.get("AUTH_CLIENT_ID") or "developer"
    secret = environ.get("AUTH_CLIENT_SECRET") or "development-only"
    pair = f"{quote_plus(client)}:{quote_plus(secret)}"
    form = {"grant_type": "client_credentials", "audience": settings.audience, "scope": scopes}
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    request = Request(url, urlencode(form).encode(), headers)  # noqa: S310 (of the settings)
    with urlopen(request, timeout=10) as response:  # noqa: S310
        access_token: str = json.load(response)["access_token"]
        return access_token


if __name__ == "__main__":
    Issuer()
