"""Traces: W3C trace context in, one OpenTelemetry server span per request, OTLP out.

Names follow the semantic conventions for HTTP. Sampling, endpoint and resource come from the
standard `OTEL_*` variables; without an endpoint nothing is exported, but trace ids still correlate
log lines. Health checks and metrics are not traced.
"""

from collections.abc import Sequence
from functools import cached_property

from flask import Flask, Response, g, request
from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import Field

from ..lifecycle import lifecycle
from ..settings import ExtensionSettings, Settings
from .logs import ResourceSettings

_UNTRACED_PATHS = ("/health/", "/metrics")
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer(__name__)


class TraceSettings(ExtensionSettings):
    """Destination of traces. The SDK reads the other `OTEL_*` variables itself."""

    endpoint: str | None = Field(default=None, alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """OTLP over HTTP, as in `http://collector:4318`. Without it, nothing is exported."""
    traces_endpoint: str | None = Field(default=None, alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    """The same for traces only, with its path: `http://collector:4318/v1/traces`."""


def init_app(app: Flask, settings: Settings) -> None:
    """Open a span for every request.

    Call it in the worker process: the exporter's thread does not survive a fork.
    """
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(_provider(settings))
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        lifecycle(app).at_stop.append(provider.force_flush)
    app.before_request(_begin)
    app.after_request(_answered)
    app.teardown_request(_end)


def _provider(settings: Settings) -> TracerProvider:
    service = settings[ResourceSettings].service
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    traces = settings[TraceSettings]
    if traces.endpoint or traces.traces_endpoint:
        provider.add_span_processor(BatchSpanProcessor(_OtlpExporter()))
    return provider


class _OtlpExporter(SpanExporter):
    """Imports the real exporter with the first batch; importing it doubles the start time."""

    @cached_property
    def _real(self) -> SpanExporter:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._real.export(spans)

    def shutdown(self) -> None:
        if "_real" in vars(self):
            self._real.shutdown()


def _begin() -> None:
    if request.path.startswith(_UNTRACED_PATHS):
        return
    route = request.url_rule.rule if request.url_rule else None
    parent = _propagator.extract(request.headers)
    span = _tracer.start_span(
        f"{request.method} {route}" if route else request.method,
        context=parent,
        kind=SpanKind.SERVER,
        attributes={
            "http.request.method": request.method,
            "url.path": request.path,
            "url.scheme": request.scheme,
            **({"http.route": route} if route else {}),
        },
    )
    g.span = span
    g.span_token = context.attach(trace.set_span_in_context(span, parent))


def _answered(response: Response) -> Response:
    if "span" in g:
        g.span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 500:
            g.span.set_status(StatusCode.ERROR)
    return response


def _end(_: BaseException | None) -> None:
    if "span" in g:
        g.span.end()
        context.detach(g.pop("span_token"))
        g.pop("span")
