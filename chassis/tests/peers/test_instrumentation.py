import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from chassis.discovery import Instance
from chassis.peers.instrumentation import CALL_DURATION, Instrumented
from chassis.peers.messages import ConnectionFailed, Request, Response, UnexpectedAnswer
from support.exchange import Exchange

GET = Request("GET", "/things?limit=1", {"X-Test": "yes"})
OK = Response(200, {}, b"")
ONE = Instance("http", "one", 80)


def _count(labels: tuple[str, ...]) -> float:
    (metric,) = CALL_DURATION.labels(*labels).collect()
    return next(float(each.value) for each in metric.samples if each.name.endswith("_count"))


def test_an_attempt_is_a_client_span_and_carries_the_trace() -> None:
    sent: list[Request] = []

    def send(_: Instance, request: Request) -> Response:
        sent.append(request)
        return OK

    with TracerProvider().get_tracer("test").start_as_current_span("incoming") as span:
        Instrumented("inventory", Exchange(send)).send(ONE, GET, 1)

    trace_id = trace.format_trace_id(span.get_span_context().trace_id)
    assert sent[0].headers["traceparent"].split("-")[1] == trace_id
    assert sent[0].headers["X-Test"] == "yes"


@pytest.mark.parametrize(
    ("outcome", "labels"),
    [
        (Response(204, {}, b""), ("GET", "measured", "204", "")),
        (Response(404, {}, b""), ("GET", "measured", "404", "404")),
        (ConnectionFailed("broken"), ("GET", "measured", "", "connection_failed")),
        (UnexpectedAnswer("b", "too much"), ("GET", "measured", "", "_OTHER")),
    ],
)
def test_every_attempt_is_measured(outcome: Response | Exception, labels: tuple[str, ...]) -> None:
    def send(*_: object) -> Response:
        if isinstance(outcome, Response):
            return outcome
        raise outcome

    exchange = Instrumented("measured", Exchange(send))
    before = _count(labels)
    if isinstance(outcome, Response):
        exchange.send(ONE, GET, 1)
    else:
        with pytest.raises(type(outcome)):
            exchange.send(ONE, GET, 1)
    assert _count(labels) == before + 1
