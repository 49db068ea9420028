"""A client span and a duration metric for every attempt.

Names follow the OpenTelemetry semantic conventions for HTTP clients; a peer's name replaces the
address, which keeps the number of label values small.
"""

import time
from dataclasses import replace

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Histogram

from ..discovery import Instance
from .messages import ConnectionFailed, Exchange, Request, Response

CALL_DURATION = Histogram(
    "http_client_request_duration_seconds",
    "Time from an attempt to call a peer to its whole response.",
    ("http_request_method", "server_address", "http_response_status_code", "error_type"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer(__name__)


class Instrumented:
    """Records a span and a duration for every exchange with one peer."""

    def __init__(self, peer: str, exchange: Exchange) -> None:
        self._peer = peer
        self._exchange = exchange

    def send(self, instance: Instance, request: Request, timeout: float) -> Response:
        """Send one attempt, with the trace context in its headers."""
        started = time.perf_counter()
        status, error_type = "", "_OTHER"
        with _tracer.start_as_current_span(
            request.method,
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": request.method,
                "peer.service": self._peer,
                "server.address": instance.host,
                "server.port": instance.port,
                "url.full": instance.url + request.target.partition("?")[0],
            },
        ) as span:
            carrier: dict[str, str] = {}
            _propagator.inject(carrier)
            traced = replace(request, headers={**request.headers, **carrier})
            try:
                response = self._exchange.send(instance, traced, timeout)
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
                CALL_DURATION.labels(request.method, self._peer, status, error_type).observe(elapsed)
