"""The chart as rendered by Helm: accepted by clusters and by scanners.

These tests validate against the schemas of all supported Kubernetes releases and of the operators;
test_cluster.py uses a real API server.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.chart_values import ENVIRONMENTS
from tests.support.charts import (
    BY_DIGEST,
    COMBINATIONS,
    EXTERNAL,
    TRANSPORT,
    Find,
    Render,
    every_combination,
    one,
)
from tests.support.tools.checkov import Checkov
from tests.support.tools.helm import NEWEST, OLDEST, Helm, Object, RefusedError
from tests.support.tools.schemas import VERSIONS, CustomResources, Kubernetes, called, is_custom

# Values for everything that is empty or disabled in values.yaml.
OPTIONS = (
    EXTERNAL,
    BY_DIGEST,
    'image.tag="1.2.3"',
    'image.pullSecrets=[{"name": "registry"}]',
    'serviceAccount.annotations={"example.com/role": "orders"}',
    'podLabels={"team": "shop"}',
    'podAnnotations={"example.com/inject": "true"}',
    'nodeSelector={"kubernetes.io/arch": "amd64"}',
    'tolerations=[{"key": "spot", "operator": "Exists"}]',
    'priorityClassName="high"',
    'volumes=[{"name": "ca", "configMap": {"name": "ca"}}]',
    'volumeMounts=[{"name": "ca", "mountPath": "/etc/ca", "readOnly": true}]',
)


@pytest.fixture(scope="module")
def everything(objects: Render, chart_of: Find) -> list[Object]:
    """All distinct objects of every combination in every environment."""
    found = [
        it
        for answers in COMBINATIONS
        for values in sets_of_values(chart_of(**answers))
        for it in objects(*values, **answers)
    ]
    for answers in COMBINATIONS:
        found += objects(*OPTIONS, *TRANSPORT[answers.get("mesh", "none")], **answers)
    return [json.loads(text) for text in sorted({json.dumps(it, sort_keys=True) for it in found})]


def sets_of_values(chart: Path) -> list[tuple[Path, ...]]:
    """Return the chart's default values and the values of each environment."""
    return [(), *((chart / f"values-{name}.yaml",) for name in ENVIRONMENTS)]


@every_combination
def test_lint(either_helm: Helm, chart_of: Find, answers: dict[str, str]) -> None:
    chart = chart_of(**answers)
    for values in sets_of_values(chart):
        either_helm.lint(chart, *values)


@every_combination
def test_both_versions_of_helm_render_the_same(
    helm3: Helm, objects: Render, chart_of: Find, answers: Any
) -> None:
    chart = chart_of(**answers)
    for values in sets_of_values(chart):
        old = helm3.template(chart, *values, kubernetes=OLDEST)
        new = objects(*values, **answers)
        assert sorted(map(called, old)) == sorted(map(called, new))
        assert all(it in new for it in old)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_it(
    everything: list[Object], kubernetes: Kubernetes, version: str
) -> None:
    own = [it for it in everything if not is_custom(it)]

    assert {"Deployment", "NetworkPolicy", "Job"} <= {it["kind"] for it in own}
    assert kubernetes.problems(own, version) == []


def test_schemas_reject_an_unknown_field(objects: Render, kubernetes: Kubernetes) -> None:
    deployment = json.loads(json.dumps(one(objects(), "Deployment")))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["readinesProbe"] = container.pop("readinessProbe")

    (problem,) = kubernetes.problems([deployment], NEWEST)
    assert "spec.template.spec.containers.0" in problem
    assert "readinesProbe" in problem


def test_operators_accept_it(everything: list[Object], custom_resources: CustomResources) -> None:
    custom = [it for it in everything if is_custom(it)]

    assert {"HTTPRoute", "ExternalSecret", "Rollout"} <= {it["kind"] for it in custom}
    assert {"Certificate", "PeerAuthentication", "Sidecar"} <= {it["kind"] for it in custom}
    assert {"Server", "MeshTLSAuthentication"} <= {it["kind"] for it in custom}
    assert custom_resources.problems(custom) == []


def test_models_reject_a_wrong_value_and_an_unknown_field(
    custom_resources: CustomResources,
) -> None:
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
    specs = [
        {"rules": [{"backendRefs": [{"name": "a", "port": "x"}]}]},
        {"rules": [], "hostname": ["a.example.com"]},
    ]
    routes = [{**route, "metadata": {"name": "a"}, "spec": spec} for spec in specs]

    problems = "\n".join(custom_resources.problems(routes))
    assert "port must be integer" in problems
    assert '"hostname"\' does not exist' in problems


def test_older_and_newer_clusters(helm4: Helm, chart_of: Find) -> None:
    for version in (OLDEST, NEWEST):
        helm4.template(chart_of(), kubernetes=version)
    with pytest.raises(RefusedError, match="kubeVersion"):
        helm4.template(chart_of(), kubernetes="1.28")


def test_scanner_reports_nothing_else(
    objects: Render, chart_of: Find, checkov: Checkov, tmp_path: Path
) -> None:
    found = [
        known_to_scanners(it)
        for answers in COMBINATIONS
        for it in objects(chart_of(**answers) / "values-production.yaml", BY_DIGEST, **answers)
    ]
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(yaml.safe_dump_all(found))
    report = checkov.scan(manifest)

    assert report.failed == []
    assert report.passed > 500
    assert all(len(reason) > 20 for reason in report.excepted.values()), report.excepted


def known_to_scanners(it: Object) -> Object:
    """Return an object with a namespace, and a Rollout as the equivalent Deployment."""
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment"} if it["kind"] == "Rollout" else {}
    return {**it, **deployment, "metadata": {**it["metadata"], "namespace": "shop"}}


@every_combination
def test_notes(helm4: Helm, chart_of: Find, answers: dict[str, str]) -> None:
    notes = helm4.notes(chart_of(**answers))

    assert 'orders-client: "true"' in notes
    assert "https://orders.example.com/api" in notes
    assert "WARNING: some values still name example.com" in notes
    assert "<no value>" not in notes
