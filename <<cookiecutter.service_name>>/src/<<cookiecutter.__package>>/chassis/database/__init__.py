"""The service's own database: engine, connection pool, types and spans for every dialect."""

from .base import Base
from .engine import OUTAGES, DatabaseSettings, Dialect, make_engine

__all__ = ["OUTAGES", "Base", "DatabaseSettings", "Dialect", "make_engine"]
