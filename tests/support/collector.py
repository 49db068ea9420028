"""An OpenTelemetry collector in the test process, which accepts OTLP over HTTP."""

import base64
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.support.running import Project
from tests.support.servers.processes import free_port

# The service depends on the definitions of the protocol, so its interpreter decodes the spans.
_TO_JSON = """
import sys
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
print(MessageToJson(ExportTraceServiceRequest.FromString(sys.stdin.buffer.read())))
"""


@dataclass(frozen=True)
class Span:
    """A received span."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    service: str


class Collector:
    """Listens on 127.0.0.1 while it runs, and stores what it receives."""

    def __init__(self) -> None:
        self._port = free_port()
        self._batches: list[bytes] = []
        self.environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def __enter__(self) -> Self:
        batches = self._batches

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                assert self.headers["Content-Type"] == "application/x-protobuf"
                batches.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self, project: Project) -> list[Span]:
        """Return the spans received so far."""
        return [span for batch in self._batches for span in _spans(project, batch)]


def _spans(project: Project, batch: bytes) -> list[Span]:
    message = json.loads(project.python("-c", _TO_JSON, given=batch))
    return [
        Span(
            name=span["name"],
            kind=span["kind"],
            trace=_hex(span["traceId"]),
            id=_hex(span["spanId"]),
            parent=_hex(span.get("parentSpanId", "")),
            attributes=_attributes(span),
            service=_attributes(resource["resource"])["service.name"],
        )
        for resource in message["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def _hex(encoded: str) -> str:
    return base64.b64decode(encoded).hex()


def _attributes(owner: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in owner["attributes"]}
