"""PostgreSQL, by psycopg 3."""

from typing import Any

from sqlalchemy import Engine

SCHEMES = ("postgresql", "postgres")
DRIVER = "postgresql+psycopg"


def options(timeout_seconds: float) -> dict[str, Any]:
    """Bound connecting, every statement, and the wait for a peer that fell silent."""
    milliseconds = int(timeout_seconds * 1000)
    return {
        "connect_args": {
            "connect_timeout": max(2, int(timeout_seconds)),  # libpq waits 2 s at least
            "options": f"-c statement_timeout={milliseconds} -c timezone=UTC",
            "tcp_user_timeout": milliseconds,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
    }


def prepare(engine: Engine) -> None:
    """Nothing to attach."""
