"""An issuer of access tokens in the test process, with signing keys and a JWKS endpoint."""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.servers.processes import free_port

AUDIENCE = "orders"
SCOPES = "orders:read orders:write"


@dataclass(frozen=True)
class Key:
    """A signing key with its published id."""

    id: str
    algorithm: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, algorithm: str) -> Self:
        """Return a new key, for RS256 or ES256."""
        private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = (
            rsa.generate_private_key(65537, 2048)
            if algorithm == "RS256"
            else ec.generate_private_key(ec.SECP256R1())
        )
        return cls(uuid4().hex, algorithm, private)

    @property
    def public(self) -> dict[str, Any]:
        """Return the public key as a JWK."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            found = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            found = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**found, "kid": self.id, "use": "sig", "alg": self.algorithm}


class Issuer:
    """Issues tokens, and publishes its keys on 127.0.0.1 while it runs.

    Attributes:
        keys: the published keys.
        fetches: the number of requests for the keys.
        pause: the delay of its responses in seconds.
    """

    def __init__(self) -> None:
        self.rsa, self.ec = Key.make("RS256"), Key.make("ES256")
        self.keys = [self.rsa, self.ec]
        self.fetches = 0
        self.pause = 0.0
        self._port = free_port()
        self.name = f"http://127.0.0.1:{self._port}"
        self.keys_url = f"{self.name}/jwks.json"
        self._server: ThreadingHTTPServer | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a service that trusts it."""
        return {
            "AUTH_ISSUER": self.name,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_JWKS_URL": self.keys_url,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Accept requests from now on."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                body = json.dumps({"keys": [key.public for key in issuer.keys]}).encode()
                time.sleep(issuer.pause)
                with suppress(ConnectionError):  # the client may have disconnected
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._server = None

    def rotate(self) -> None:
        """Publish new keys instead of the old ones."""
        self.rsa, self.ec = Key.make("RS256"), Key.make("ES256")
        self.keys = [self.rsa, self.ec]

    def token(
        self,
        *,
        key: Key | None = None,
        headers: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a token with all scopes; keywords replace claims, None removes one."""
        key = key or self.ec
        given = {name: value for name, value in self.claims(**claims).items() if value is not None}
        head = {"kid": key.id, "typ": "at+jwt", **(headers or {})}
        return jwt.api_jws.encode(
            json.dumps(given).encode(),
            key.private,
            key.algorithm,
            {name: value for name, value in head.items() if value is not None},
        )

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Return the claims of such a token."""
        now = int(time.time())
        usual = {
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": "alice",
            "scope": SCOPES,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "jti": uuid4().hex,
        }
        return usual | claims
