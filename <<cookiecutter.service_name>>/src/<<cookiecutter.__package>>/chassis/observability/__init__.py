"""Observability: logs, metrics and traces, correlated by trace id and request id."""

from . import logs, metrics, traces
from .logs import LogSettings
from .resource import ResourceSettings
from .traces import TraceSettings

__all__ = [
    "LogSettings",
    "ResourceSettings",
    "TraceSettings",
    "logs",
    "metrics",
    "traces",
]
