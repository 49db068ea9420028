"""Settings of mutual TLS: certificate, key and trusted authorities."""

import ssl
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ..inbound import ServerSettings
from ..settings import ExtensionSettings, Settings, SettingsError
from . import spiffe
from .certificates import Files

# The ports of every service inside the workspace and the cluster.
_PLAIN_PORT, _TLS_PORT = 8000, 8443


class MtlsSettings(ExtensionSettings):
    """Files of mutual TLS, all or none."""

    cert_file: Path | None = Field(default=None, alias="TLS_CERT_FILE")
    """Certificate of this service with its chain (PEM), with a SPIFFE ID."""
    key_file: Path | None = Field(default=None, alias="TLS_KEY_FILE")
    """Its private key, without a passphrase."""
    client_ca_file: Path | None = Field(default=None, alias="TLS_CLIENT_CA_FILE")
    """Authorities that sign the certificates of services."""
    trust_domain_override: str | None = Field(
        default=None, pattern="^[a-z0-9._-]{1,255}$", alias="TLS_TRUST_DOMAIN"
    )
    """SPIFFE trust domain of accepted services. Default: that of the own certificate."""
    port: int = Field(default=_TLS_PORT, ge=1, le=65535, alias="TLS_PORT")
    """Port of the API over mutual TLS."""

    @model_validator(mode="after")
    def _all_files_or_none(self) -> Self:
        files = {
            "TLS_CERT_FILE": self.cert_file,
            "TLS_KEY_FILE": self.key_file,
            "TLS_CLIENT_CA_FILE": self.client_ca_file,
        }
        missing = [name for name, file in files.items() if file is None]
        if 0 < len(missing) < len(files):
            raise ValueError(f"{', '.join(missing)}: missing; set {', '.join(files)}, or none of them")
        if not missing:
            self._check()
        return self

    def _check(self) -> None:
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
        """Return whether the service does mutual TLS."""
        return self.cert_file is not None

    @property
    def files(self) -> Files:
        """Return the files; only where `enabled`."""
        return Files(*filter(None, (self.cert_file, self.key_file, self.client_ca_file)))

    @property
    def trust_domain(self) -> str:
        """Return the trust domain of accepted services, by default that of our own certificate."""
        return self.trust_domain_override or spiffe.read(self.files.own()).trust_domain


def endpoint(settings: Settings) -> tuple[str, int]:
    """Return scheme and port of this process' API.

    Raises:
        SettingsError: both listeners have the same port.
    """
    tls, plain_port = settings[MtlsSettings], settings[ServerSettings].port
    if not tls.enabled:
        return "http", plain_port
    if tls.port == plain_port:
        raise SettingsError(["TLS_PORT: equals PORT; health and metrics need a port of their own"])
    return "https", tls.port


def peer_endpoint(settings: Settings) -> tuple[str, int]:
    """Return scheme and port under which services call each other."""
    return ("https", _TLS_PORT) if settings[MtlsSettings].enabled else ("http", _PLAIN_PORT)
