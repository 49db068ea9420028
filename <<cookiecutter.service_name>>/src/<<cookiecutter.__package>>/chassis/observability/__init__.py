"""Observability: logs, metrics and traces, correlated by trace id and request id."""

from . import logs, metrics, traces
from .logs import LogSettings, ResourceSettings
from .traces import TraceSettings

__all__ = [
    "LogSettings",
    "ResourceSettings",
    "TraceSettings",
    "logs",
    "metrics",
    "traces",
]
