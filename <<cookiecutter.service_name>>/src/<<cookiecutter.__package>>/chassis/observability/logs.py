"""Logs: one JSON object per line; readable lines on a terminal in development.

Every line carries the service's name and, while a request is handled, its trace id, span id and
request id (`X-Request-ID`, generated if the caller sent none).
"""

import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from flask import Flask, Response, g, request
from opentelemetry import trace
from pydantic import Field
from pydantic_core import to_json

from ..context import REQUEST_ID_HEADER, request_id, set_request_id
from ..settings import ExtensionSettings, Settings

_REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_UNLOGGED_PATHS = ("/health/", "/metrics")
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

logger = logging.getLogger(__name__)


class ResourceSettings(ExtensionSettings):
    """Identity of the service in logs and traces."""

    service: str = Field(alias="OTEL_SERVICE_NAME")
    """Name of the service in logs and traces."""


class LogSettings(ExtensionSettings):
    """Verbosity of the logs."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", alias="LOG_LEVEL")
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""


def configure(settings: Settings) -> None:
    """Send the logs of the whole process to standard output."""
    log = settings[LogSettings]
    handler = logging.StreamHandler(sys.stdout)
    if log.environment == "development" and sys.stdout.isatty():
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s"))
    else:
        handler.setFormatter(JsonFormatter(settings[ResourceSettings].service))
    logging.basicConfig(level=log.level, handlers=[handler], force=True)


def init_app(app: Flask, settings: Settings) -> None:
    """Set the id of every request, and log its response."""
    configure(settings)
    app.before_request(_begin)
    app.after_request(_log_response)
    app.teardown_request(_end)


class JsonFormatter(logging.Formatter):
    """Formats a record, and its `extra` fields, as one line of JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its newline."""
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
    fields = {}
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        fields["trace_id"] = trace.format_trace_id(span.trace_id)
        fields["span_id"] = trace.format_span_id(span.span_id)
    if current := request_id():
        fields["request_id"] = current
    return fields


def _begin() -> None:
    g.started = time.perf_counter()
    header = request.headers.get(REQUEST_ID_HEADER, "")
    # The caller's id ends up in every log line, so only a short plain one is accepted.
    set_request_id(header if _REQUEST_ID.fullmatch(header) else uuid4().hex)


def _log_response(response: Response) -> Response:
    response.headers[REQUEST_ID_HEADER] = request_id() or ""
    if not request.path.startswith(_UNLOGGED_PATHS):
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


def _end(_: BaseException | None) -> None:
    set_request_id(None)  # the thread serves other requests
