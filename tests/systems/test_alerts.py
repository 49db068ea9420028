"""Every alert of the chart, tested with promtool: when it fires, stays silent and resolves.

The rules come from the chart as rendered by Helm. `promtool test rules` evaluates them over given
series, as Prometheus does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.charts import Render
from tests.support.rendering import CHOICES, render
from tests.support.servers.prometheus import Promtool
from tests.support.tools.helm import Object

LABELS = {"namespace": "shop", "service": "orders", "owner": "platform-team"}
REQUESTS = 'http_server_request_duration_seconds_count{namespace="shop",job="orders"'
DURATION = 'http_server_request_duration_seconds_bucket{namespace="shop",job="orders"'
UP = 'up{namespace="shop",job="orders",instance="10.0.0.%d:8000"}'
RESTARTS = 'kube_pod_container_status_restarts_total{namespace="shop",container="api",pod="%s"}'
BREAKER = 'circuit_breaker_state{namespace="shop",job="orders",pod="orders-%s",peer="stock"}'
ENDS = 'tls_certificate_expiry_timestamp_seconds{namespace="shop",job="orders",pod="orders-%s"}'
ROLLOUT = 'rollout_info{namespace="shop",name="orders",strategy="canary",phase="%s"}'


def api(status: int, **labels: str) -> str:
    """Return a series of API requests, by status."""
    return _series(REQUESTS, "/api/v1/orders", http_response_status_code=str(status), **labels)


def within(bound: str) -> str:
    """Return a series of API requests that took at most some seconds."""
    return _series(DURATION, "/api/v1/orders", http_response_status_code="200", le=bound)


def health(status: int) -> str:
    """Return a series of probes, by status."""
    return _series(REQUESTS, "/health/ready", http_response_status_code=str(status))


def _series(name: str, route: str, **labels: str) -> str:
    pairs = {"http_request_method": "GET", "http_route": route, **labels}
    return name + "".join(f',{label}="{value}"' for label, value in pairs.items()) + "}"


@dataclass(frozen=True)
class Case:
    """Input series and the expected behaviour of an alert.

    Attributes:
        series: in promtool's notation.
        fires: the times at which it fires, with the labels.
        silent: the times at which it does not.
        summary: the text when it fires.
        every: the interval of samples and evaluations.
    """

    alert: str
    what: str
    series: Mapping[str, str]
    fires: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    summary: str = ""
    every: str = "1m"


CASES = [
    Case(
        "ErrorBudgetBurnsFast",
        "one request in 50 fails, for an hour",
        {api(200): "0+588x60 35280+600x180", api(500): "0+12x60 720+0x180"},
        fires={"60m": {"severity": "critical", "job": "orders"}},
        silent=("110m",),
        summary="orders fails 2% of its requests",
    ),
    Case(
        "ErrorBudgetBurnsFast",
        "one request in 100 fails, for three hours",
        {api(200): "0+594x180", api(503): "0+6x180"},
        fires={"180m": {"severity": "critical", "job": "orders"}},
        summary="orders fails 1% of its requests",
    ),
    Case(
        "ErrorBudgetBurnsFast",
        "one request in 1000 fails, as the objective allows",
        {api(200): "0+999x400", api(500): "0+1x400"},
        silent=("60m", "400m"),
    ),
    Case(
        "ErrorBudgetBurnsFast",
        "callers get what they ask for: 404, 401, 422",
        {api(200): "0+300x100", api(404): "0+300x100", api(401): "0+300x100"},
        silent=("60m", "100m"),
    ),
    Case(
        "ErrorBudgetBurnsFast",
        "probes fail, the API does not",
        {api(200): "0+600x100", health(503): "0+60x100"},
        silent=("60m", "100m"),
    ),
    Case(
        "ErrorBudgetBurnsFast",
        "one request a minute, and every fifth fails: too few to wake anybody",
        {api(200): "0+0.8x100", api(500): "0+0.2x100"},
        silent=("60m", "100m"),
    ),
    Case(
        "ErrorBudgetBurnsSlowly",
        "four requests in 1000 fail, for a day",
        {api(200): "0+4980x288 1434240+5000x80", api(500): "0+20x288 5760+0x80"},
        fires={"1440m": {"severity": "warning", "job": "orders"}},
        silent=("10m", "1810m"),
        summary="orders fails 0.4% of its requests, for days",
        every="5m",
    ),
    Case(
        "ErrorBudgetBurnsSlowly",
        "one request in 2000 fails, half of what the objective allows",
        {api(200): "0+9995x288", api(500): "0+5x288"},
        silent=("360m", "1440m"),
        every="5m",
    ),
    Case(
        "SlowAnswers",
        "one request in ten takes longer than half a second, for half an hour",
        {
            within("0.5"): "0+540x30 16200+600x30",
            within("1"): "0+600x60",
            within("+Inf"): "0+600x60",
            api(200): "0+600x60",
        },
        fires={"25m": {"severity": "warning", "job": "orders"}},
        silent=("9m", "45m"),
        summary="orders takes 750ms for its slowest requests (quantile 0.95)",
    ),
    Case(
        "SlowAnswers",
        "one request in a hundred takes longer",
        {
            within("0.5"): "0+594x60",
            within("1"): "0+600x60",
            within("+Inf"): "0+600x60",
            api(200): "0+600x60",
        },
        silent=("25m", "60m"),
    ),
    Case(
        "SlowAnswers",
        "all are slow, but there are only five a minute",
        {
            within("0.5"): "0+0x60",
            within("1"): "0+5x60",
            within("+Inf"): "0+5x60",
            api(200): "0+5x60",
        },
        silent=("25m", "60m"),
    ),
    Case(
        "NoInstance",
        "both instances go, and come back",
        {UP % 1: "1x10 0x10 1x10", UP % 2: "1x10 stale"},
        fires={"15m": {"severity": "critical"}},
        silent=("9m", "12m", "25m"),
        summary="no instance of orders responds to Prometheus",
    ),
    Case(
        "NoInstance",
        "Prometheus does not even know of one",
        {'up{namespace="shop",job="payments"}': "1x20"},
        fires={"5m": {"severity": "critical"}},
        silent=("1m",),
        summary="no instance of orders responds to Prometheus",
    ),
    Case(
        "InstanceDown",
        "one of two goes, and comes back",
        {UP % 1: "1x20 0x10 1x10", UP % 2: "1x40"},
        fires={"27m": {"severity": "warning", "job": "orders", "instance": "10.0.0.1:8000"}},
        silent=("20m", "24m", "32m"),
        summary="orders does not respond to Prometheus on 10.0.0.1:8000",
    ),
    Case(
        "NoTraffic",
        "two requests a second, then none, then some again",
        {api(200): "0+120x90 10800+0x40 10800+120x20", UP % 1: "1x150"},
        fires={"110m": {"severity": "warning"}},
        silent=("90m", "101m", "135m"),
        summary="orders receives no requests",
    ),
    Case(
        "NoTraffic",
        "new instances without requests have no series",
        {api(200): "0+120x90 _x60", UP % 1: "1x150"},
        fires={"115m": {"severity": "warning"}},
        silent=("90m",),
        summary="orders receives no requests",
    ),
    Case(
        "NoTraffic",
        "a request a minute, then none",
        {api(200): "0+1x90 90+0x60", UP % 1: "1x150"},
        silent=("110m", "150m"),
    ),
    Case(
        "Restarts",
        "a container that ends every three minutes, then stays",
        {RESTARTS % "orders-7c9d8f6b5-x2k4q": "0 0 0 1 1 1 2 2 2 3 3 3 4 4 4 5x60"},
        fires={"15m": {"severity": "warning", "pod": "orders-7c9d8f6b5-x2k4q"}},
        silent=("2m", "40m"),
        summary="orders restarts repeatedly in orders-7c9d8f6b5-x2k4q",
    ),
    Case(
        "Restarts",
        "the cluster waits longer and longer before it starts one again",
        {
            'kube_pod_container_status_waiting_reason{namespace="shop",container="api",'
            'pod="orders-7c9d8f6b5-x2k4q",reason="CrashLoopBackOff"}': "0x5 1x10 0x20"
        },
        fires={"12m": {"severity": "warning", "pod": "orders-7c9d8f6b5-x2k4q"}},
        silent=("4m", "25m"),
        summary="orders restarts repeatedly in orders-7c9d8f6b5-x2k4q",
    ),
    Case(
        "Restarts",
        "another service whose name begins the same",
        {RESTARTS % "orders-archive-7c9d8f6b5-x2k4q": "0+1x60"},
        silent=("15m", "40m"),
    ),
    Case(
        "PeerUnavailable",
        "one of two pods can't call a peer for ten minutes, and probes now and then",
        {BREAKER % "a": "0x5 2 1 2 2 1 2 2 2 2 2 0x30", BREAKER % "b": "0x50", api(200): "0+60x50"},
        fires={"14m": {"severity": "warning", "job": "orders", "peer": "stock"}},
        silent=("5m", "25m"),
        summary="orders can't call stock",
    ),
    Case(
        "PeerUnavailable",
        "the circuit was open when the last caller went home",
        {BREAKER % "a": "2x60", api(503): "0+60x3 180x57"},
        silent=("4m", "20m", "60m"),
    ),
    Case(
        "CertificateEnds",
        "a certificate that lasts for five hours, in one of two pods; then for ten",
        {ENDS % "a": "18000x180 36000x60", ENDS % "b": "90000x240"},
        fires={"100m": {"severity": "critical", "job": "orders"}},
        silent=("50m", "200m"),
        summary="the certificate of orders expires within hours",
    ),
    Case("CertificateEnds", "no TLS", {ENDS % "a": "0x100"}, silent=("60m",)),
    Case(
        "ReleaseRefused",
        "a release is aborted, and the next one gets through",
        {ROLLOUT % "Abort": "_x5 1x20 _x30", ROLLOUT % "Completed": "1x5 _x20 1x30"},
        fires={
            "10m": {"severity": "warning", "name": "orders", "strategy": "canary", "phase": "Abort"}
        },
        silent=("4m", "40m"),
        summary="the new version of orders failed and was rolled back",
    ),
    Case(
        "ReleaseWaits",
        "a release waits for half an hour, until it is promoted",
        {ROLLOUT % "Paused": "_x5 1x40 _x30", ROLLOUT % "Completed": "1x5 _x40 1x30"},
        fires={
            "38m": {
                "severity": "warning",
                "name": "orders",
                "strategy": "canary",
                "phase": "Paused",
            }
        },
        silent=("20m", "55m"),
        summary="the new version of orders waits for a manual decision",
    ),
    Case(
        "ReleaseWaits",
        "pauses between the steps",
        {ROLLOUT % "Paused": "1x5 _x5 1x5 _x5 1x5 _x30", ROLLOUT % "Progressing": "_x5 1x5 _x45"},
        silent=("5m", "25m", "40m"),
    ),
]


@pytest.fixture(scope="module")
def rules(charts: Render) -> list[Object]:
    """The rule groups of the chart with all alerts enabled."""
    return groups(charts("tls.enabled=true", mesh="service", rollout="canary", depends_on="stock"))


def groups(objects: list[Object]) -> list[Object]:
    """Return the groups of all PrometheusRules."""
    return [
        group for it in objects if it["kind"] == "PrometheusRule" for group in it["spec"]["groups"]
    ]


def alerts(rules: list[Object]) -> dict[str, Any]:
    """Return the alerts by name."""
    return {rule["alert"]: rule for group in rules for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize("rollout", CHOICES["rollout"])
def test_promtool_reports_no_problem(
    charts: Render, promtool: Promtool, rollout: str, tmp_path: Path
) -> None:
    path = written(groups(charts(rollout=rollout, depends_on="stock")), tmp_path)

    assert "SUCCESS" in promtool("check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.what}")
def test_alert(case: Case, rules: list[Object], promtool: Promtool, tmp_path: Path) -> None:
    runbook = alerts(rules)[case.alert]["annotations"]["runbook_url"]
    expected = [
        {
            "eval_time": time,
            "alertname": case.alert,
            "exp_alerts": [
                {
                    "exp_labels": {**LABELS, **labels},
                    "exp_annotations": {"summary": case.summary, "runbook_url": runbook},
                }
            ],
        }
        for time, labels in case.fires.items()
    ]
    expected += [{"eval_time": time, "alertname": case.alert} for time in case.silent]
    test = tmp_path / "test.yaml"
    test.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(written(rules, tmp_path))],
                "evaluation_interval": case.every,
                "tests": [
                    {
                        "interval": case.every,
                        "input_series": [
                            {"series": name, "values": values}
                            for name, values in case.series.items()
                        ],
                        "alert_rule_test": expected,
                    }
                ],
            }
        )
    )

    promtool("test", "rules", test)


def test_every_alert_is_tested_firing_resolved_and_silent(rules: list[Object]) -> None:
    names = set(alerts(rules))

    assert {case.alert for case in CASES if case.fires and case.silent} == names
    assert {case.alert for case in CASES} == names


@pytest.mark.parametrize("rollout", CHOICES["rollout"])
def test_every_alert_has_an_owner_and_a_runbook_section(
    charts: Render, rollout: str, tmp_path: Path
) -> None:
    answers = {"rollout": rollout, "depends_on": "stock", "mesh": "service"}
    service = render(tmp_path, owner="sales", workspace="", **answers)
    runbook = (service / "docs/runbook.md").read_text("utf-8")
    anchors = {slug(line) for line in runbook.splitlines() if line.startswith("#")}
    url = '{"runbookUrl": "https://docs.example.com/orders/runbook", "owner": "sales"}'

    for name, alert in alerts(groups(charts(f"monitoring={url}", **answers))).items():
        page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert page == "https://docs.example.com/orders/runbook", name
        assert anchor in anchors, name
        assert alert["labels"]["owner"] == "sales", name


def slug(heading: str) -> str:
    """Return the anchor that Git hosts and documentation tools derive from a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower()).replace(" ", "-")


def written(rules: list[Object], folder: Path) -> Path:
    """Return rule groups in the format of Prometheus."""
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": rules}))
    return path
