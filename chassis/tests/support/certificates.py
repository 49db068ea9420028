"""Certificates for tests, and the application behind its TLS listener."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from http.client import HTTPSConnection
from pathlib import Path
from typing import Self

from flask import Flask

from chassis import mtls
from chassis.lifecycle import lifecycle
from chassis.mtls.certificates import Files
from chassis.mtls.development import Authority
from support.app import SERVICE, create_app


def spiffe_id(name: str) -> str:
    """Return the SPIFFE ID of a service."""
    return f"spiffe://test/ns/shop/sa/{name}"


class Certificates:
    """Certificates of one authority, in files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.kept_in(folder)
        self.issue(SERVICE)
        self.issue("checkout")

    def issue(self, name: str, *uris: str, lifetime: timedelta = timedelta(days=1)) -> None:
        """Write a new certificate for a service."""
        file = self.folder / f"{name}.pem"
        self.authority.issue(file, *uris or (spiffe_id(name),), lifetime=lifetime)

    def replace_authority(self) -> None:
        """Sign with a new authority from now on; certificates of the old one stay valid."""
        old, self.authority = self.authority, Authority()
        (self.folder / "ca.pem").write_bytes(old.pem() + self.authority.pem())
        self.issue(SERVICE)

    @property
    def files(self) -> Files:
        """Return the files of the service."""
        folder = self.folder
        return Files(folder / f"{SERVICE}.pem", folder / f"{SERVICE}-key.pem", folder / "ca.pem")

    def environ(self, port: int = 8443) -> dict[str, str]:
        """Return the environment of the service with these certificates."""
        return {
            "TLS_CERT_FILE": str(self.files.certificate),
            "TLS_KEY_FILE": str(self.files.key),
            "TLS_CLIENT_CA_FILE": str(self.files.authorities),
            "TLS_PORT": str(port),
        }

    def context(self, name: str | None) -> ssl.SSLContext:
        """Return the client context of a service; None: without a certificate."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if name:
            file = self.folder / f"{name}.pem"
            context.load_cert_chain(file, file.with_name(f"{name}-key.pem"))
        return context


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: Message
    body: bytes


class Client:
    """Calls a listener, on one connection."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.connection = HTTPSConnection("localhost", port, context=context, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def ask(self, path: str, token: str = "", body: str | None = None) -> Answer:
        """Send a request, by POST if it has a body."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.connection.request("POST" if body else "GET", path, body, headers)
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def shown(self) -> object:
        """Return the certificate that the server has shown."""
        assert isinstance(self.connection.sock, ssl.SSLSocket)
        return self.connection.sock.getpeercert()


@contextmanager
def opened(environ: Mapping[str, str]) -> Iterator[Flask]:
    """Serve the application on its TLS listener."""
    app = create_app(environ, mtls)
    life = lifecycle(app)
    life.start()
    try:
        yield app
    finally:
        life.stop()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
