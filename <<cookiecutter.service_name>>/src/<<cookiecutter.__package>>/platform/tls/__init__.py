"""Mutual TLS by the service itself, where no mesh does it: who calls shows a certificate.

With `TLS_CERT_FILE`, `TLS_KEY_FILE` and `TLS_CLIENT_CA_FILE` the API is behind a second door, on
`TLS_PORT`; the plain port answers only what is public. Without them nothing changes.
"""

from .guard import init_app
from .settings import TlsSettings as Settings

__all__ = ["Settings", "init_app"]
