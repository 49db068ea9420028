"""An issuer of tokens in this process."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from chassis.auth.settings import AuthSettings
from support.app import ISSUER, SERVICE


def settings(**changed: object) -> AuthSettings:
    usual = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": SERVICE, "AUTH_JWKS_URL": "file:unused"}
    return AuthSettings.model_validate(usual | changed)


class Issuer:
    """An issuer with keys that rotate, and that can be away; counts its requests."""

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
