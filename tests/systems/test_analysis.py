"""The chart's analysis of new versions: its queries on a real Prometheus, with known traffic.

The AnalysisTemplates come from the chart as rendered by Helm, with its default limits. The recorded
samples are those of versions that work, fail, respond slowly or get hardly any requests.
"""

import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import comb
from typing import Any

import pytest

from tests.support.charts import Render
from tests.support.running import Place
from tests.support.servers.processes import free_port, wait_until
from tests.support.servers.prometheus import Prometheus, Promtool, Requests, prometheus, record
from tests.support.tools.helm import Object, RefusedError

START = 1_767_225_600  # the samples begin here and last for 40 minutes
POD = {"namespace": "shop", "job": "orders"}
ROUTE = "/api/v1/orders/<id>"

# The traffic of each of the two pods of a version. All of them also respond to probes.
VERSIONS: dict[str, list[Requests]] = {
    "good": [Requests(2), Requests(0.5, status=201, method="POST"), Requests(0.3, status=404)],
    "one-in-a-thousand-fails": [Requests(19.98), Requests(0.02, status=500)],
    "one-in-twenty-fails": [Requests(1.9), Requests(0.1, status=500)],
    "fails-on-one-route": [Requests(2.7), Requests(0.3, status=503, route=ROUTE, method="PATCH")],
    "all-fail": [Requests(2, status=500)],
    "slow": [Requests(1.8), Requests(0.2, seconds=0.8)],
    "one-in-fifty-slow": [Requests(1.96), Requests(0.04, seconds=3)],
    "fails-for-a-minute": [Requests(3), Requests(0.5, status=500, begin=1830, end=1890)],
    "fails-and-slow": [Requests(1.8, seconds=0.8), Requests(0.2, status=500)],
    "hardly-called": [Requests(0.1)],
    "hardly-called-and-failing": [Requests(0.05), Requests(0.05, status=500)],
    "never-called": [],
    "probes-fail": [Requests(2), Requests(2, status=503, route="/health/ready")],
    "strangers-knock": [Requests(2), Requests(2, status=404, route="unmatched")],
}


@pytest.fixture(scope="module")
def recorded(promtool: Promtool) -> Iterator[Prometheus]:
    """A Prometheus with 40 minutes of samples from two pods of each version."""
    instances = [
        (
            {**POD, "rollouts_pod_template_hash": version, "pod": f"orders-{version}-{pod}"},
            [*traffic, Requests(0.2, route="/health/live")],
        )
        for version, traffic in VERSIONS.items()
        for pod in (1, 2)
    ]
    # Other services, and the same service in another namespace, must not count.
    instances += [
        (
            {"namespace": namespace, "job": job, "rollouts_pod_template_hash": "good"},
            [Requests(50, status=500, seconds=9)],
        )
        for namespace, job in (("shop", "payments"), ("elsewhere", "orders"))
    ]
    with prometheus(promtool, recorded=record(instances, start=START, seconds=2400)) as server:
        yield server


@pytest.fixture(scope="module", params=["canary", "blue_green"])
def template(charts: Render, request: pytest.FixtureRequest) -> Object:
    """The AnalysisTemplate that judges a version by its requests."""
    return templates(charts(rollout=request.param))["orders"]


def templates(objects: list[Object]) -> dict[str, Object]:
    """Return the AnalysisTemplates by name."""
    return {it["metadata"]["name"]: it for it in objects if it["kind"] == "AnalysisTemplate"}


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("good", "Successful"),
        ("one-in-a-thousand-fails", "Successful"),
        ("one-in-twenty-fails", "Failed: errors"),
        ("fails-on-one-route", "Failed: errors"),
        ("all-fail", "Failed: errors"),
        ("slow", "Failed: latency"),
        ("one-in-fifty-slow", "Successful"),
        ("fails-for-a-minute", "Successful"),
        ("fails-and-slow", "Failed: errors, latency"),
        ("hardly-called", "Inconclusive: errors, latency"),
        ("hardly-called-and-failing", "Failed: errors"),
        ("never-called", "Inconclusive: errors, latency"),
        ("probes-fail", "Successful"),
        ("strangers-knock", "Successful"),
    ],
)
def test_a_version_is_judged_by_its_own_requests(
    recorded: Prometheus, template: Object, version: str, verdict: str
) -> None:
    assert judged(recorded, template, version) == verdict


def test_a_repeated_failure_fails_the_analysis(recorded: Prometheus, template: Object) -> None:
    measured = measurements(recorded, metrics(template)["errors"], "fails-for-a-minute")

    assert measured == ["Failed", "Successful", "Successful"]
    assert assessed(metrics(template)["errors"], ["Failed", "Successful", "Failed"]) == "Failed"


def test_a_version_without_samples_is_inconclusive(recorded: Prometheus, template: Object) -> None:
    assert judged(recorded, template, "unknown") == "Inconclusive: errors, latency"


@pytest.mark.parametrize(
    ("version", "verdict"), [("good", "Successful"), ("unknown", "Inconclusive: scraped")]
)
def test_a_preview_has_to_be_scraped(
    charts: Render, recorded: Prometheus, version: str, verdict: str
) -> None:
    preview = templates(charts(rollout="blue_green"))["orders-preview"]
    (scraped,) = (it for it in preview["spec"]["metrics"] if it["name"] == "scraped")

    assert judged(recorded, {"spec": {"metrics": [scraped]}}, version) == verdict


def test_a_service_is_judged_by_its_own_metrics(
    charts: Render, promtool: Promtool, default_place: Place
) -> None:
    analysis = '"window": "1m", "minimumRequests": 20, "latency": {"quantile": 0.95, "seconds": 5}'
    limits = f'rollout={{"analysis": {{{analysis}}}}}'
    objects = charts(limits, rollout="canary")
    judge = metrics(templates(objects)["orders"])
    (monitor,) = (it for it in objects if it["kind"] == "ServiceMonitor")
    nowhere = f"postgresql://user:wrong@127.0.0.1:{free_port()}/nowhere"

    with default_place.serve() as old, default_place.process(DATABASE_URL=nowhere) as new:
        new.wait_for(new.is_alive, "alive")
        config = scraping(monitor, old=old.port, new=new.port)
        with prometheus(promtool, config=config) as server:
            phases: dict[tuple[str, str], str] = {}

            def judged() -> bool:
                for _ in range(10):
                    old.get()
                    new.get()
                    new.get("/health/ready", token=None)
                phases.update(
                    {
                        (name, version): measurement(server, metric, version)
                        for name, metric in judge.items()
                        for version in ("old", "new")
                    }
                )
                return "Inconclusive" not in phases.values()

            wait_until(judged, "enough requests", 120)
            targets = server.get("/api/v1/targets")["activeTargets"]

    # Both Services select both pods, but each pod is scraped once.
    assert len(targets) == 2
    assert all("service" not in target["labels"] for target in targets)
    assert phases["errors", "old"] == phases["latency", "old"] == "Successful"
    assert phases["errors", "new"] == "Failed"


def test_the_smoke_test_passes_a_service(charts: Render, default_place: Place) -> None:
    with default_place.serve() as service:
        done = smoke(charts(rollout="blue_green"), service.port)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "GET without a token: {'/api/v1/orders': 401}\n"


def test_the_smoke_test_fails_a_service_without_authentication(charts: Render) -> None:
    class Careless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"paths": {"/api/v1/orders": {"get": {}}, "/api/v1/orders/{id}": {"get": {}}}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = smoke(charts(rollout="blue_green"), server.server_port)
        server.shutdown()

    assert done.returncode == 1
    assert done.stdout == "GET without a token: {'/api/v1/orders': 200}\n"
    assert done.stderr == "Every collection has to answer 401 or 403\n"


def test_the_limits_distinguish_versions_at_the_minimum_of_requests(
    template: Object,
) -> None:
    errors = metrics(template)["errors"]
    requests = int(number(r">= (\d+)$", errors["provider"]["prometheus"]["query"]))
    limit = number(r">= ([\d.]+)$", errors["failureCondition"])

    def refused(share: float) -> float:
        few = range(round(requests * limit))
        window = 1 - sum(binomial(errors, requests, share) for errors in few)
        return sum(
            binomial(failed, metric["count"], window)
            for failed in range(metric["failureLimit"] + 1, metric["count"] + 1)
        )

    metric = errors
    assert refused(0.05) > 0.99
    assert refused(0.001) < 0.001


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ('rollout={"steps": []}', "steps"),
        ('rollout={"steps": [{"weight": 100}]}', "weight"),
        ('rollout={"steps": [{"weight": 10, "pause": "1 minute"}]}', "pause"),
        ('rollout={"analysis": {"window": "90"}}', "window"),
        ('rollout={"analysis": {"errorRatio": 5}}', "errorRatio"),
        ('rollout={"analysis": {"latency": {"quantile": 95, "seconds": 1}}}', "quantile"),
        ('rollout={"analysis": {"prometheus": "prometheus:9090"}}', "prometheus"),
        ('rollout={"autoPromotion": false}', "autoPromotion"),
        ('monitoring={"slo": {"availability": 99.9}}', "availability"),
        ('monitoring={"runbookUrl": "https://docs.example.com/#/runbook"}', "runbookUrl"),
    ],
)
def test_wrong_values_are_refused_by_name(charts: Render, values: str, complaint: str) -> None:
    with pytest.raises(RefusedError, match=complaint):
        charts(values, rollout="canary")


@pytest.mark.parametrize("rollout", ["canary", "blue_green"])
def test_without_monitoring_prometheus_is_not_queried(charts: Render, rollout: str) -> None:
    objects = charts('monitoring={"enabled": false}', rollout=rollout)

    assert not [it for it in objects if it["apiVersion"].startswith("monitoring.coreos.com")]
    assert "prometheus-operated" not in str(objects)


def binomial(successes: int, tries: int, share: float) -> float:
    """Return the probability of a number of successes."""
    return comb(tries, successes) * share**successes * (1 - share) ** (tries - successes)


def number(pattern: str, text: str) -> float:
    """Return the number in a text."""
    match = re.search(pattern, text)
    assert match, text
    return float(match[1])


def metrics(template: Object) -> dict[str, Any]:
    """Return the metrics of a template by name."""
    return {metric["name"]: metric for metric in template["spec"]["metrics"]}


def judged(server: Prometheus, template: Object, version: str) -> str:
    """Return the outcome of an analysis and the metrics that caused it."""
    phases = {
        name: assessed(metric, measurements(server, metric, version))
        for name, metric in metrics(template).items()
    }
    for bad in ("Failed", "Inconclusive"):
        if names := [name for name, phase in phases.items() if phase == bad]:
            return f"{bad}: {', '.join(names)}"
    return "Successful"


def scraping(monitor: Object, **versions: int) -> Object:
    """Return a Prometheus configuration as from its operator, for two pods behind two Services."""
    (endpoint,) = monitor["spec"]["endpoints"]
    labels = [label.replace("-", "_") for label in monitor["spec"]["podTargetLabels"]]
    return {
        "scrape_configs": [
            {
                "job_name": "serviceMonitor",
                "scrape_interval": "1s",
                "metrics_path": endpoint["path"],
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{port}"],
                        "labels": {
                            "namespace": "shop",
                            "service": service,
                            "job": service,
                            **dict.fromkeys(labels, version),
                        },
                    }
                    for version, port in versions.items()
                    for service in ("orders", "orders-canary")
                ],
                "relabel_configs": [
                    {snake_case(name): value for name, value in rule.items()}
                    for rule in endpoint["relabelings"]
                ],
            }
        ]
    }


def snake_case(name: str) -> str:
    """Return a Kubernetes name in the spelling of Prometheus."""
    return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), name)


def smoke(objects: list[Object], port: int) -> subprocess.CompletedProcess[str]:
    """Run the chart's smoke test on a service of this machine, and return the process."""
    (pod,) = (it for it in objects if it["kind"] == "Pod")
    (test,) = pod["spec"]["containers"]
    job = metrics(templates(objects)["orders-preview"])["smoke"]["provider"]["job"]
    (analysis,) = job["spec"]["template"]["spec"]["containers"]
    assert analysis["args"] == [test["args"][0], "http://orders-preview:8000"]
    return subprocess.run(
        [sys.executable, *test["command"][1:], test["args"][0], f"http://127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=90,
    )


def measurements(server: Prometheus, metric: Object, version: str) -> list[str]:
    """Return the measurements of an analysis that starts half an hour after the version."""
    delay, interval = seconds(metric["initialDelay"]), seconds(metric.get("interval", "0s"))
    times = [START + 1800 + delay + interval * number for number in range(metric["count"])]
    return [measurement(server, metric, version, at) for at in times]


def measurement(server: Prometheus, metric: Object, version: str, at: float | None = None) -> str:
    """Return one measurement: failure takes precedence, neither condition is inconclusive."""
    query = metric["provider"]["prometheus"]["query"]
    query = query.replace("{{ args.pod-template-hash }}", version)
    result = [value for _, value in server.query(query, at)]
    if holds(metric["failureCondition"], result):
        return "Failed"
    return "Successful" if holds(metric["successCondition"], result) else "Inconclusive"


def holds(condition: str, result: list[float]) -> bool:
    """Return whether a condition holds, which is Python except for `&&`."""
    return bool(eval(condition.replace("&&", "and"), {"result": result, "len": len}))  # noqa: S307


def assessed(metric: Object, measured: list[str]) -> str:
    """Return the outcome as Argo Rollouts counts it: exceeding a limit ends the analysis."""
    counts: Counter[str] = Counter()
    for phase in measured:
        counts[phase] += 1
        for bad, limit in (("Failed", "failureLimit"), ("Inconclusive", "inconclusiveLimit")):
            if counts[bad] > metric.get(limit, 0):
                return bad
    return "Successful"


def seconds(duration: str) -> int:
    """Return a duration such as 2m in seconds."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]
