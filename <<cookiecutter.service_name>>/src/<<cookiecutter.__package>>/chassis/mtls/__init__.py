"""Mutual TLS by the service itself: a second listener that requires client certificates.

Services are named by the SPIFFE IDs in their certificates (X509-SVID).
"""

from . import spiffe
from .certificates import ReloadingContext
from .guard import init_app
from .settings import MtlsSettings, endpoint, peer_endpoint

SETTINGS = (MtlsSettings,)

__all__ = [
    "SETTINGS",
    "MtlsSettings",
    "ReloadingContext",
    "endpoint",
    "init_app",
    "peer_endpoint",
    "spiffe",
]
