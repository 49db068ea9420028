"""Inbound HTTP: the server process, limits, load shedding, security headers."""

from . import limits, load_shedding, security_headers
from .limits import LimitSettings
from .listening import Listening
from .load_shedding import SPARE_THREADS, LoadSheddingSettings
from .server import Registration, Server, ServerSettings, run_in_worker
from .strict_json import StrictJSON

__all__ = [
    "SPARE_THREADS",
    "LimitSettings",
    "Listening",
    "LoadSheddingSettings",
    "Registration",
    "Server",
    "ServerSettings",
    "StrictJSON",
    "limits",
    "load_shedding",
    "run_in_worker",
    "security_headers",
]
