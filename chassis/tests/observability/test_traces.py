from flask import Flask
from opentelemetry import trace

from chassis.auth import public


def test_the_trace_of_the_caller_continues(app: Flask) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"

    def current() -> str:
        return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)

    app.add_url_rule("/current", view_func=public(current))
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}

    response = app.test_client().get("/current", headers=headers)

    assert response.text == trace_id
    assert not trace.get_current_span().get_span_context().is_valid
