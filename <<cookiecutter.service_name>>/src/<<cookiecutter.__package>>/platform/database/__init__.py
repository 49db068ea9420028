"""The service's own database: engine, connection pool, types and spans, whatever the dialect."""

from .base import Base
from .engine import OUTAGES, Dialect, Settings, make_engine

__all__ = ["OUTAGES", "Base", "Dialect", "Settings", "make_engine"]
