"""Inbound HTTP: server, limits, load shedding, security headers, health, API docs."""

from . import api_docs, health, limits, load_shedding, security_headers
from .limits import LimitSettings
from .listening import Listening
from .load_shedding import SPARE_THREADS, LoadSheddingSettings
from .server import Registration, Server, ServerSettings, run_in_worker
from .strict_json import StrictJSON, read_json_object

__all__ = [
    "SPARE_THREADS",
    "LimitSettings",
    "Listening",
    "LoadSheddingSettings",
    "Registration",
    "Server",
    "ServerSettings",
    "StrictJSON",
    "api_docs",
    "health",
    "limits",
    "load_shedding",
    "read_json_object",
    "run_in_worker",
    "security_headers",
]
