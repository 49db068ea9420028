"""Several workers act as one service: aggregated counters, correlated traces and logs."""

import os
import re
import signal
from collections import Counter
from uuid import uuid4

from tests.support.collector import Collector, Span
from tests.support.http import ORDERS
from tests.support.running import Place, Service, at_once

TWO = {"WEB_CONCURRENCY": "2", "SHUTDOWN_DRAIN_SECONDS": "0"}
OURS = {"http_route": ORDERS, "http_request_method": "GET", "http_response_status_code": "200"}


def test_counters_are_aggregated_over_workers(default_place: Place) -> None:
    with default_place.serve(**TWO) as service:
        sent = 0
        while sent < 200 or len(list(service.scratch.glob("metrics-*/histogram_*.db"))) < 2:
            assert sent < 10_000, "one has done all"
            _send(service, 100)
            sent += 100
        for _ in range(20):
            assert service.counted(**OURS) == sent
        refused = {**OURS, "http_response_status_code": "401"}
        for _ in range(3):
            service.get(token=None)
        assert service.counted(**refused) == 3


def test_counters_survive_a_worker(default_place: Place) -> None:
    with default_place.serve(**TWO) as service:
        _send(service, 100)
        killed, survivor = service.workers()
        os.kill(killed, signal.SIGKILL)
        service.wait_for(
            lambda: len(service.workers()) == 2 and killed not in service.workers(), "two workers"
        )

        assert survivor in service.workers()
        for _ in range(10):
            assert service.counted(**OURS) == 100
        service.wait_for(lambda: service.output().count("Started worker") >= 3, "a new worker")
        _send(service, 100)
        for _ in range(10):
            assert service.counted(**OURS) == 200
        assert service.popen.poll() is None


def test_labels_are_bounded(default_place: Place) -> None:
    with default_place.serve(**TWO) as service:
        for number in range(20):
            service.get(f"/nowhere/{number}")
            service.get(f"{ORDERS}/{uuid4()}")
            service.ask(f"METHOD{number}", ORDERS)
        metrics = service.get("/metrics", token=None).body.decode()

        routes = set(re.findall(r'http_route="([^"]*)"', metrics))
        assert routes <= {ORDERS, f"{ORDERS}/<uuid:id>", "unmatched", "/metrics", "/health/ready"}
        methods = set(re.findall(r'http_request_method="([^"]*)"', metrics))
        assert methods <= {"GET", "_OTHER"}


def test_every_request_has_one_trace_in_the_log(default_place: Place) -> None:
    with default_place.serve(**TWO) as service:
        given = {f"{number:032x}" for number in range(1, 21)}
        for trace in given:
            service.get(headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        request_ids = [service.get().headers["X-Request-ID"] for _ in range(20)]
        answer = service.get(headers={"X-Request-ID": "mine"})
        assert answer.headers["X-Request-ID"] == "mine"
        for path in ("/health/live", "/metrics"):
            service.get(path, token=None)

        lines = [line for line in service.log() if "http_route" in line]
        assert len(lines) == 41
        traces = [line["trace_id"] for line in lines]
        assert len(set(traces)) == 41
        assert given < set(traces)
        assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)
        assert len({line["span_id"] for line in lines}) == 41
        assert [line["request_id"] for line in lines][20:] == [*request_ids, "mine"]
        assert {line["service"] for line in service.log()} == {"orders"}


def test_spans_reach_the_collector(default_place: Place) -> None:
    parent, trace = "00f067aa0ba902b7", uuid4().hex
    with Collector() as collector:
        with default_place.serve(**TWO, **collector.environment) as service:
            sampled = {"traceparent": f"00-{trace}-{parent}-01"}
            assert service.get(headers=sampled).status == 200
            assert service.get(headers={"traceparent": f"00-{uuid4().hex}-{parent}-00"}).ok
            for path in ("/health/live", "/health/ready", "/health/startup", "/metrics"):
                assert service.get(path, token=None).ok
            _stop(service)
        spans = collector.spans(default_place.project)

    # Requests that the caller does not sample, and health checks, are not sampled.
    assert {span.trace for span in spans} == {trace}
    [server] = [span for span in spans if span.kind == "SPAN_KIND_SERVER"]
    assert server.name == f"GET {ORDERS}"
    assert server.parent == parent
    assert server.service == "orders"
    assert server.attributes["http.route"] == ORDERS
    assert server.attributes["http.response.status_code"] == "200"
    _assert_child_reads(server, spans)


def test_sampling_follows_the_standard(default_place: Place) -> None:
    with Collector() as collector:
        for sampler, argument in (("traceidratio", "0"), ("always_off", "")):
            sampling = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
            with default_place.serve(**collector.environment, **sampling, **TWO) as service:
                _send(service, 20)
                _stop(service)
        assert collector.spans(default_place.project) == []

        half = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
        with default_place.serve(**collector.environment, **half, **TWO) as service:
            _send(service, 20)
            wanted = f"00-{uuid4().hex}-00f067aa0ba902b7-01"
            service.get(headers={"traceparent": wanted})
            _stop(service)
        spans = collector.spans(default_place.project)
        assert Counter(span.kind for span in spans)["SPAN_KIND_SERVER"] == 1
        assert {span.trace for span in spans} == {wanted.split("-")[1]}


def test_a_missing_collector_does_no_harm(default_place: Place) -> None:
    unreachable = Collector().environment
    with default_place.serve(**unreachable, **TWO) as service:
        _send(service, 50)
        _stop(service)
        assert not service.bugs()


def _send(service: Service, number: int) -> None:
    """Send a number of requests, a few at a time, each on its own connection."""
    for _ in range(number // 10):
        answers = at_once([service.get] * 10)
        assert [answer.status for answer in answers] == [200] * 10


def _stop(service: Service) -> None:
    service.terminate()
    assert service.exit_code(30) == 0


def _assert_child_reads(server: Span, spans: list[Span]) -> None:
    [statement] = [
        span for span in spans if span.parent == server.id and span.kind == "SPAN_KIND_CLIENT"
    ]
    assert statement.name.startswith("SELECT")
    assert statement.attributes["db.system.name"] == "postgresql"
    assert "FROM orders" in statement.attributes["db.query.text"]
