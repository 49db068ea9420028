"""Charts rendered by Helm, and how to read them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.support import chart_values as of_services
from tests.support.combinations import possible
from tests.support.rendering import CHOICES, render
from tests.support.tools.helm import Helm, Object
from tests.support.tools.schemas import called

Find = Callable[..., Path]
Render = Callable[..., list[Object]]

COMBINATIONS = [
    {"database": database, "rollout": rollout}
    for database, rollout in product(CHOICES["database"], CHOICES["rollout"])
    if possible({"database": database, "rollout": rollout, "deploy": "kubernetes"})
]
COMBINATIONS += [
    {"mesh": "service"},
    {"mesh": "service", "rollout": "canary"},
    {"mesh": "service", "database": "sqlite"},
    {"mesh": "istio", "rollout": "blue_green"},
    {"mesh": "istio", "database": "sqlite"},
    {"mesh": "linkerd", "rollout": "canary"},
]
DIGEST = "sha256:" + "0123456789abcdef" * 4
BY_DIGEST = f'image.digest="{DIGEST}"'
EXTERNAL = 'secret={"name": "orders", "external": ' + json.dumps(
    {
        "refreshInterval": "1h",
        "store": {"kind": "ClusterSecretStore", "name": "vault"},
        "data": {"DATABASE_URL": {"key": "orders", "property": "database_url"}},
    }
)
EXTERNAL += "}"
CERTIFICATE = {
    "issuerRef": {"kind": "ClusterIssuer", "name": "services"},
    "trustDomain": "cluster.local",
    "duration": "24h",
    "renewBefore": "8h",
}
MTLS = ("tls.enabled=true", f"tls.certificate={json.dumps(CERTIFICATE)}")
CALLERS = ('callers=["checkout", "mall/shop"]',)
# Values of each transport for everything that is empty or disabled in values.yaml.
TRANSPORT: dict[str, tuple[str, ...]] = {
    "none": (),
    "service": MTLS,
    "istio": CALLERS,
    "linkerd": CALLERS,
}


def name_of(answers: Mapping[str, str]) -> str:
    return "-".join(answers.values())


every_combination = pytest.mark.parametrize("answers", COMBINATIONS, ids=name_of)


@pytest.fixture(scope="session")
def chart_of(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """Return a function that renders the chart for some answers, once for each."""

    @cache
    def find(**answers: str) -> Path:
        folder = tmp_path_factory.mktemp("chart")
        return of_services.chart(render(folder, workspace="", **answers))

    return find


@pytest.fixture(scope="session")
def charts(helm4: Helm, chart_of: Find) -> Render:
    """Return a function that renders the objects for answers and values (as for --set-json)."""
    return lambda *values, **answers: helm4.template(chart_of(**answers), *values)


@pytest.fixture(scope="session")
def objects(charts: Render) -> Render:
    """Return the same function with a cache, for tests that don't change the objects."""
    return cache(charts)


def of_kind(found: Iterable[Object], kind: str) -> list[Object]:
    """Return the objects of a kind."""
    return [it for it in found if it["kind"] == kind]


def one(found: Iterable[Object], kind: str) -> Object:
    """Return the only object of a kind."""
    (it,) = of_kind(found, kind)
    return it


def pods_of(found: Iterable[Object]) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """Return every pod that objects describe: its owner, labels and spec."""
    return [
        (called(it), pod["metadata"]["labels"], pod["spec"])
        for it in found
        for pod in templates(it)
    ]


def templates(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every pod template in an object, at any depth."""
    if isinstance(part, list):
        for item in part:
            yield from templates(item)
    elif isinstance(part, dict):
        if "containers" in part.get("spec", {}):
            yield part
        else:
            for value in part.values():
                yield from templates(value)


def component(labels: Mapping[str, str]) -> str:
    """Return the component of the service that a pod belongs to."""
    return labels["app.kubernetes.io/component"]
