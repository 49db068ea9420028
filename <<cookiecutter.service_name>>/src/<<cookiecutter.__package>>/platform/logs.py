"""Logs: one JSON object a line; readable lines on a terminal in development.

Every line carries the service's name and, while a request is handled, its trace id, span id and
request id (`X-Request-ID`, made here when the caller sent none).
"""

import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from flask import Flask, Response, g, has_app_context, request
from opentelemetry import trace
from pydantic import Field
from pydantic_core import to_json

from .environ import RoomSettings

REQUEST_ID_HEADER = "X-Request-ID"
_ACCEPTABLE_REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_QUIET_PATHS = ("/health/", "/metrics")
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

logger = logging.getLogger(__name__)


class Settings(RoomSettings):
    """How much is logged, and under which name."""

    service: str = Field(alias="OTEL_SERVICE_NAME")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", alias="LOG_LEVEL")


def configure(settings: Settings) -> None:
    """Send the logs of the whole process to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    if settings.environment == "development" and sys.stdout.isatty():
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s"))
    else:
        handler.setFormatter(JsonFormatter(settings.service))
    logging.basicConfig(level=settings.level, handlers=[handler], force=True)


def init_app(app: Flask, settings: Settings) -> None:
    """Give every request an id, and a line in the log when it is record."""
    configure(settings)
    app.before_request(_begin)
    app.after_request(_finish)


class JsonFormatter(logging.Formatter):
    """Writes a record, and whatever was passed as `extra`, as one line of JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, without its newline."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "service": self._service,
        }
        line |= _correlation()
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return to_json(line, serialize_unknown=True, inf_nan_mode="strings").decode()


def _correlation() -> dict[str, str]:
    found = {}
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        found["trace_id"] = trace.format_trace_id(context.trace_id)
        found["span_id"] = trace.format_span_id(context.span_id)
    if has_app_context() and "request_id" in g:
        found["request_id"] = g.request_id
    return found


def _begin() -> None:
    g.started = time.perf_counter()
    offered = request.headers.get(REQUEST_ID_HEADER, "")
    # Whatever a caller sends ends up in every log line: take over only what is plain and short.
    g.request_id = offered if _ACCEPTABLE_REQUEST_ID.fullmatch(offered) else uuid4().hex


def _finish(response: Response) -> Response:
    response.headers[REQUEST_ID_HEADER] = g.request_id
    if not request.path.startswith(_QUIET_PATHS):
        logger.info(
            "%s %s %s",
            request.method,
            request.path,
            response.status_code,
            extra={
                "http_request_method": request.method,
                "http_route": request.url_rule.rule if request.url_rule else None,
                "http_response_status_code": response.status_code,
                "duration_ms": round((time.perf_counter() - g.started) * 1000, 3),
                **g.get("log_fields", {}),
            },
        )
    return response
