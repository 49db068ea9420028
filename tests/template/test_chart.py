"""The chart of every rendered service, without Helm."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from tests.support import chart_values as charts
from tests.support.chart_values import (
    ENVIRONMENTS,
    REFUSED,
    REFUSED_IN_A_MESH,
    REFUSED_WITH_A_FILE,
    REFUSED_WITH_MTLS,
    Values,
)
from tests.support.combinations import COMBINATIONS, label
from tests.support.rendering import SERVICE
from tests.support.tools.network_policy import Pod, allowed
from tests.template.conftest import Rendering

CHART = SERVICE / "deploy" / "helm" / "<<cookiecutter.service_name>>"
WITH_A_FILE = {"database": "sqlite", "workspace": ""}


def schema(chart: Path) -> Draft7Validator:
    contents: dict[str, Any] = json.loads((chart / "values.schema.json").read_text("utf-8"))
    Draft7Validator.check_schema(contents)
    return Draft7Validator(contents)


CHARTED = [answers for answers in COMBINATIONS if answers.get("deploy") in {None, "kubernetes"}]


@pytest.fixture(scope="session", params=CHARTED, ids=label)
def rendering(request: pytest.FixtureRequest, rendered: Callable[..., Path]) -> Rendering:
    """The services that have a chart, in turn."""
    return Rendering(request.param, rendered(**request.param))


@pytest.fixture
def chart(rendering: Rendering) -> Path:
    """The service's chart."""
    return charts.chart(rendering.folder)


@pytest.mark.parametrize("environment", [None, *ENVIRONMENTS])
def test_values_match_the_schema(chart: Path, environment: str | None) -> None:
    found = charts.values(chart, environment)

    assert [error.message for error in schema(chart).iter_errors(found)] == []


def test_every_value_is_known_to_the_schema(chart: Path) -> None:
    assert loose(json.loads((chart / "values.schema.json").read_text("utf-8"))) == []


def loose(part: Any, path: str = "") -> list[str]:
    """Return the paths of objects in a schema that accept any name."""
    if isinstance(part, list):
        return [found for item in part for found in loose(item, path)]
    if not isinstance(part, dict):
        return []
    below = [found for name, value in part.items() for found in loose(value, f"{path}/{name}")]
    named = isinstance(part.get("properties"), dict) and part.get("type") == "object"
    return [path, *below] if named and "additionalProperties" not in part else below


def test_templates_use_defined_values_only() -> None:
    knowing = {
        path.name
        for path in (CHART / "templates").rglob("*.*")
        if any(mark in path.read_text("utf-8") for mark in ("<<", "<%", "<#", "cookiecutter"))
    }

    assert knowing == set()


def test_every_value_is_used(chart: Path) -> None:
    templates = "\n".join(path.read_text("utf-8") for path in (chart / "templates").rglob("*.*"))
    used = set(re.findall(r"Values\.(\w+)", templates))

    assert set(charts.values(chart)) <= used


def test_name_and_owner(rendering: Rendering, chart: Path) -> None:
    found = yaml.safe_load((chart / "Chart.yaml").read_text("utf-8"))

    assert found["name"] == rendering.folder.name
    assert found["maintainers"] == [{"name": "platform-team"}]


def test_declares_the_peers(rendering: Rendering, chart: Path) -> None:
    peers = rendering.answers.get("depends_on", "")

    assert charts.values(chart)["dependsOn"] == [peer for peer in peers.split(",") if peer]


@pytest.fixture(scope="session")
def with_a_file(rendered: Callable[..., Path]) -> Path:
    """The chart of a service on SQLite."""
    return charts.chart(rendered(**WITH_A_FILE))


@pytest.mark.parametrize(
    ("over", "named"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refuses(defaults: Rendering, over: Values, named: str) -> None:
    assert named in refusal(charts.chart(defaults.folder), over)


@pytest.mark.parametrize(
    ("over", "named"),
    [row[1:] for row in REFUSED_WITH_A_FILE],
    ids=[row[0] for row in REFUSED_WITH_A_FILE],
)
def test_refuses_with_a_file(with_a_file: Path, over: Values, named: str) -> None:
    assert named in refusal(with_a_file, over)


@pytest.mark.parametrize(
    ("over", "named"),
    [row[1:] for row in REFUSED_WITH_MTLS],
    ids=[row[0] for row in REFUSED_WITH_MTLS],
)
def test_refuses_with_mtls(rendered: Callable[..., Path], over: Values, named: str) -> None:
    assert named in refusal(charts.chart(rendered(mesh="service", workspace="")), over)


@pytest.mark.parametrize("mesh", ["istio", "linkerd"])
def test_each_mesh_has_its_values(rendered: Callable[..., Path], mesh: str) -> None:
    assert f"'{mesh}' is a required property" in refusal(
        charts.chart(rendered(mesh=mesh, workspace="")), {mesh: None}
    )


@pytest.mark.parametrize(
    ("over", "named"),
    [row[1:] for row in REFUSED_IN_A_MESH],
    ids=[row[0] for row in REFUSED_IN_A_MESH],
)
@pytest.mark.parametrize("mesh", ["istio", "linkerd"])
def test_refuses_in_a_mesh(
    rendered: Callable[..., Path], mesh: str, over: Values, named: str
) -> None:
    assert named in refusal(charts.chart(rendered(mesh=mesh, workspace="")), over)


def refusal(chart: Path, over: Values) -> str:
    """Return the schema's message for values."""
    given = charts.merged(charts.values(chart), over)
    return "\n".join(
        f"{error.json_path}: {error.message}" for error in schema(chart).iter_errors(given)
    )


POLICY = {
    "metadata": {"name": "api"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "api"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [{"podSelector": {"matchLabels": {"api-client": "true"}}}],
                "ports": [{"protocol": "TCP", "port": 8000}],
            },
            {
                "from": [
                    {
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": "ops"}
                        },
                        "podSelector": {"matchLabels": {"app": "prometheus"}},
                    }
                ]
            },
        ],
        "egress": [
            {
                "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}],
                "ports": [{"port": 443}],
            }
        ],
    },
}
API = Pod("api", labels={"app": "api"})
OPEN = Pod("open")


@pytest.mark.parametrize(
    ("source", "target", "port", "passes"),
    [
        (OPEN, Pod("other"), ("TCP", 1), True),  # no policy selects either
        (OPEN, API, ("TCP", 8000), False),
        (Pod("caller", labels={"api-client": "true"}), API, ("TCP", 8000), True),
        (Pod("caller", labels={"api-client": "true"}), API, ("TCP", 8001), False),
        (Pod("caller", labels={"api-client": "true"}), API, ("UDP", 8000), False),
        (Pod("caller", "elsewhere", {"api-client": "true"}), API, ("TCP", 8000), False),
        (Pod("metrics", "ops", {"app": "prometheus"}), API, ("TCP", 9), True),
        (Pod("metrics", "shop", {"app": "prometheus"}), API, ("TCP", 9), False),
        (Pod("dashboard", "ops", {"app": "grafana"}), API, ("TCP", 9), False),
        (Pod("web", address="203.0.113.1"), API, ("TCP", 8000), False),
        (API, Pod("web", address="203.0.113.1"), ("TCP", 443), True),
        (API, Pod("web", address="203.0.113.1"), ("TCP", 80), False),
        (API, Pod("private", address="10.1.2.3"), ("TCP", 443), False),
        (API, OPEN, ("TCP", 443), False),
    ],
)
def test_evaluates_policies_as_kubernetes_does(
    source: Pod, target: Pod, port: tuple[str, int], passes: bool
) -> None:
    assert allowed([POLICY], source, target, port) is passes


def test_evaluator_rejects_unsupported_policies() -> None:
    spec = {"podSelector": {"matchExpressions": []}, "policyTypes": ["Ingress"]}

    with pytest.raises(NotImplementedError, match="matchExpressions"):
        allowed([{"metadata": {"name": "x"}, "spec": spec}], OPEN, API, ("TCP", 1))
