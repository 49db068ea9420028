import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chassis.auth import keys
from chassis.auth.fetch import fetch
from support.issuer import Issuer, settings


def test_keys_for_other_purposes_are_ignored(tmp_path: Path) -> None:
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
def test_a_broken_key_set_is_rejected(content: str) -> None:
    with pytest.raises(keys.KeysUnavailable):
        keys.KeySet(content.encode, 600).get("k1")


def test_keys_are_fetched_from_the_address_in_the_metadata(issuer: Issuer) -> None:
    key_set = json.loads(issuer.fetch())
    with serving({"/keys": key_set}) as url:
        key = keys.KeySet(keys.fetcher(settings(AUTH_ISSUER=url, AUTH_JWKS_URL=None)), 600)

        assert key.get("k1")
        assert key.get("k2") is None


@contextmanager
def serving(documents: dict[str, object]) -> Iterator[str]:
    """Serve documents and metadata of an issuer on this machine; yield its URL."""

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
def test_an_unusable_response_is_an_error(answer: bytes) -> None:
    """Nor is a second request sent, as a redirect would cause."""
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
