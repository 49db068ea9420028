"""Which certificate the service shows, and whose it takes."""

import ssl
from pathlib import Path
from typing import Self

from pydantic import Field, PositiveInt, model_validator

from .. import shedding
from . import spiffe
from .files import Files

# Where every service of the workspace listens.
PLAIN_PORT, TLS_PORT = 8000, 8443


class TlsSettings(shedding.Settings):
    """The files of mutual TLS, all or none, and how the server serves."""

    cert_file: Path | None = Field(default=None, alias="TLS_CERT_FILE")
    key_file: Path | None = Field(default=None, alias="TLS_KEY_FILE")
    client_ca_file: Path | None = Field(default=None, alias="TLS_CLIENT_CA_FILE")
    given_trust_domain: str | None = Field(
        default=None, pattern="^[a-z0-9._-]{1,255}$", alias="TLS_TRUST_DOMAIN"
    )
    port: int = Field(default=TLS_PORT, ge=1, le=65535, alias="TLS_PORT")

    host: str = Field(default="127.0.0.1", alias="HOST")
    plain_port: int = Field(default=PLAIN_PORT, alias="PORT")
    grace_seconds: PositiveInt = Field(default=20, alias="SHUTDOWN_GRACE_SECONDS")

    @model_validator(mode="after")
    def _all_files_or_none(self) -> Self:
        given = {
            "TLS_CERT_FILE": self.cert_file,
            "TLS_KEY_FILE": self.key_file,
            "TLS_CLIENT_CA_FILE": self.client_ca_file,
        }
        missing = [name for name, file in given.items() if file is None]
        if 0 < len(missing) < len(given):
            raise ValueError(f"{', '.join(missing)}: missing; set {', '.join(given)}, or none")
        if not missing:
            self._check()
        return self

    def _check(self) -> None:
        if self.port == self.plain_port:
            raise ValueError("TLS_PORT: is PORT, too; health and metrics need one of their own")
        try:
            self.files.context(ssl.PROTOCOL_TLS_SERVER)
        except (OSError, ValueError) as error:
            raise ValueError(f"TLS_CERT_FILE, TLS_KEY_FILE, TLS_CLIENT_CA_FILE: {error}") from error
        try:
            _ = self.trust_domain
        except spiffe.NotSpiffe as error:
            raise ValueError(f"TLS_TRUST_DOMAIN: missing; our own certificate {error}") from error

    @property
    def enabled(self) -> bool:
        """Tell whether the service does TLS."""
        return self.cert_file is not None

    @property
    def files(self) -> Files:
        """Give the files, where the service does TLS."""
        return Files(*filter(None, (self.cert_file, self.key_file, self.client_ca_file)))

    @property
    def trust_domain(self) -> str:
        """Give the domain whose services are known here: if none is given, our certificate's."""
        return self.given_trust_domain or spiffe.read(self.files.own()).trust_domain

    @property
    def listens(self) -> tuple[str, int]:
        """Give scheme and port of this process' API."""
        return ("https", self.port) if self.enabled else ("http", self.plain_port)

    @property
    def address(self) -> tuple[str, int]:
        """Give scheme and port at which services call each other."""
        return ("https", TLS_PORT) if self.enabled else ("http", PLAIN_PORT)
