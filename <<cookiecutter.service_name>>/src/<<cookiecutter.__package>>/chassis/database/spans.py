"""A client span for every SQL statement of a sampled request."""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Connection, Engine, ExceptionContext, event

_tracer = trace.get_tracer(__name__)


def trace_statements(engine: Engine) -> None:
    """Open and end the spans, named by the semantic conventions for databases."""
    system = engine.dialect.name

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if not trace.get_current_span().is_recording():
            return
        operation = statement.lstrip().partition(" ")[0].upper()
        connection.info["span"] = _tracer.start_span(
            operation,
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": system,
                "db.operation.name": operation,
                "db.query.text": statement,  # values are bound, so the text holds none
            },
        )

    @event.listens_for(engine, "after_cursor_execute")
    def end(connection: Connection, *_: Any) -> None:
        if span := connection.info.pop("span", None):
            span.end()

    @event.listens_for(engine, "handle_error")
    def fail(failure: ExceptionContext) -> None:
        span = failure.connection and failure.connection.info.pop("span", None)
        if span:
            span.set_status(StatusCode.ERROR, type(failure.original_exception).__name__)
            span.end()
