"""What every attempt leaves behind: a client span, and its duration as a metric.

Names follow the OpenTelemetry semantic conventions for HTTP clients; a peer's name stands for the
address, so that the metric's labels stay few.
"""

import time
from dataclasses import replace

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Histogram

from ..discovery import Instance
from .balance import Send
from .messages import ConnectionFailed, Request, Response

CALL_DURATION = Histogram(
    "http_client_request_duration_seconds",
    "Time from an attempt to call a peer to its whole response.",
    ("http_request_method", "server_address", "http_response_status_code", "error_type"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer(__name__)


def measured(peer: str, send: Send) -> Send:
    """Decorate what sends one attempt."""

    def measure(instance: Instance, request: Request, timeout: float) -> Response:
        started = time.perf_counter()
        status, error_type = "", "_OTHER"
        with _tracer.start_as_current_span(
            request.method,
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": request.method,
                "peer.service": peer,
                "server.address": instance.host,
                "server.port": instance.port,
                "url.full": instance.url + request.target.partition("?")[0],
            },
        ) as span:
            carrier: dict[str, str] = {}
            _propagator.inject(carrier)
            try:
                response = send(
                    instance, replace(request, headers={**request.headers, **carrier}), timeout
                )
            except ConnectionFailed as error:
                error_type = "connection_failed"
                span.set_status(StatusCode.ERROR, str(error))
                raise
            else:
                status, error_type = str(response.status), ""
                span.set_attribute("http.response.status_code", response.status)
                if response.status >= 400:
                    error_type = status
                    span.set_status(StatusCode.ERROR)
                return response
            finally:
                elapsed = time.perf_counter() - started
                CALL_DURATION.labels(request.method, peer, status, error_type).observe(elapsed)

    return measure
