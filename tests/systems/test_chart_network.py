"""Network policies: which connections between pods they allow."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

import pytest

from tests.support.charts import MTLS, Find, Render, component, of_kind, one, pods_of
from tests.support.tools.network_policy import Pod, Port, allowed

# Calls between services in three workspaces; the files of the called services name no caller.
CHAIN = {
    "storefront": {"depends_on": "orders", "rollout": "canary"},
    "orders": {"depends_on": "inventory"},
    "inventory": {"depends_on": "", "database": "mysql"},
}
FAN_IN = {
    "orders": {"depends_on": "payments", "rollout": "blue_green", "discovery": "consul"},
    "shipping": {"depends_on": "payments", "database": "sqlite", "discovery": "etcd"},
    "payments": {"depends_on": "", "database": "mysql", "discovery": "consul"},
}
ALONE = {"orders": {"depends_on": "", "database": "sqlite"}}
WITH_MTLS = {name: {**answers, "mesh": "service"} for name, answers in CHAIN.items()}
IN_ISTIO = {name: {**answers, "mesh": "istio"} for name, answers in CHAIN.items()}
IN_LINKERD = {name: {**answers, "mesh": "linkerd"} for name, answers in FAN_IN.items()}
# The control plane from which the proxies of a mesh get their certificates.
CONTROL_PLANES = {"istio": (15012,), "linkerd": (8080, 8086, 8090)}
# The port on which a proxy accepts inbound traffic for all ports.
PROXIES: dict[str, list[Port]] = {"linkerd": [("TCP", 4143)]}
REGISTRIES = {"consul": ("TCP", 8500), "etcd": ("TCP", 2379)}
PORTS: list[Port] = [
    *REGISTRIES.values(),
    *(("TCP", port) for port in (53, 80, 443, 3306, 4318, 5432, 8000, 8443, 9090)),
    *(("TCP", port) for ports in CONTROL_PLANES.values() for port in ports),
    *(port for ports in PROXIES.values() for port in ports),
    ("UDP", 53),
]
SERVERS = {"postgresql": ("TCP", 5432), "mysql": ("TCP", 3306)}
Edge = tuple[str, str, Port]


@pytest.mark.parametrize(
    ("workspace", "values", "calls"),
    [
        (CHAIN, (), {("storefront", "orders"), ("orders", "inventory")}),
        (FAN_IN, (), {("orders", "payments"), ("shipping", "payments")}),
        (ALONE, (), set()),
        (WITH_MTLS, (), {("storefront", "orders"), ("orders", "inventory")}),
        (WITH_MTLS, MTLS, {("storefront", "orders"), ("orders", "inventory")}),
        (IN_ISTIO, (), {("storefront", "orders"), ("orders", "inventory")}),
        (IN_LINKERD, (), {("orders", "payments"), ("shipping", "payments")}),
    ],
    ids=["chain", "fan-in", "alone", "mtls-off", "mtls", "istio", "linkerd"],
)
def test_network_policies_allow_exactly_the_declared_calls(
    objects: Render,
    workspace: dict[str, dict[str, str]],
    values: tuple[str, ...],
    calls: set[tuple[str, str]],
) -> None:
    api_port: Port = ("TCP", 8443 if values == MTLS else 8000)
    found = [
        it
        for name, answers in workspace.items()
        for it in objects(*values, service_name=name, **answers)
    ]
    policies = of_kind(found, "NetworkPolicy")
    ours = {
        f"{labels['app.kubernetes.io/name']}/{component(labels)}": Pod("", labels=labels)
        for _, labels, _ in pods_of(found)
    }
    others = dict(surroundings(workspace))

    passing = {
        (source, target, port)
        for (source, one_end), (target, other_end) in product(
            [*ours.items(), *others.items()], repeat=2
        )
        if source != target and (source in ours or target in ours)
        for port in PORTS
        if allowed(policies, one_end, other_end, port)
    }
    declared = {
        edge for name, answers in workspace.items() for edge in edges(name, answers, api_port)
    }
    declared |= {
        (f"{one}/api", f"{other}/api", port)
        for one, other in calls
        for port in (api_port, *proxies(workspace[one]))
    }
    assert passing == declared


def edges(name: str, answers: Mapping[str, str], api_port: Port) -> Iterator[Edge]:
    """Yield the connections of a service, besides those to the services that it calls."""
    api, smoke, migration = (f"{name}/{part}" for part in ("api", "smoke", "migration"))
    http = ("TCP", 8000)
    for caller, own in (("gateway", api_port), ("prometheus", http), (smoke, http)):
        for each in (own, *proxies(answers)):
            yield caller, api, each
    yield api, "collector", ("TCP", 4318)
    yield api, "internet", ("TCP", 443)
    if registry := REGISTRIES.get(answers.get("discovery", "dns")):
        yield api, answers["discovery"], registry
    parts = [api, smoke]
    mesh = answers.get("mesh", "none")
    for part, port in product(parts, CONTROL_PLANES.get(mesh, ())):
        yield part, f"{mesh} control plane", ("TCP", port)
    if server := SERVERS.get(answers.get("database", "postgresql")):
        parts.append(migration)
        yield api, f"{name}-db", server
        yield migration, f"{name}-db", server
    for part in parts:
        yield part, "dns", ("UDP", 53)
        yield part, "dns", ("TCP", 53)


def proxies(answers: Mapping[str, str]) -> list[Port]:
    """Return the control plane of a service's mesh."""
    return PROXIES.get(answers.get("mesh", "none"), [])


def surroundings(workspace: Iterable[str]) -> Iterator[tuple[str, Pod]]:
    """Yield other pods, with correct and with wrong labels and namespaces."""
    named = "app.kubernetes.io/name"
    yield "gateway", Pod("", "gateway", {named: "envoy"})
    yield "prometheus", Pod("", "monitoring", {named: "prometheus"})
    yield "dashboard", Pod("", "monitoring", {named: "grafana"})
    yield "collector", Pod("", "observability", {named: "opentelemetry-collector"})
    yield "traces", Pod("", "observability", {named: "traces"})
    yield "consul", Pod("", "consul", {"app": "consul", "component": "server"})
    yield "consul's gateway", Pod("", "consul", {"app": "consul", "component": "ingress-gateway"})
    yield "etcd", Pod("", "etcd", {named: "etcd"})
    yield "dns", Pod("", "kube-system", {"k8s-app": "kube-dns"})
    yield "system", Pod("", "kube-system", {"k8s-app": "metrics-server"})
    yield "istio control plane", Pod("", "istio-system", {"app": "istiod"})
    yield "istio gateway", Pod("", "istio-system", {"app": "istio-ingressgateway"})
    control_plane = {"linkerd.io/control-plane-ns": "linkerd"}
    yield "linkerd control plane", Pod("", "linkerd", control_plane)
    yield "neighbour", Pod("", "shop", {})
    yield "impostor", Pod("", "shop", {named: "prometheus"})
    clients = {f"{name}-client": "true" for name in workspace}
    yield "client from elsewhere", Pod("", "elsewhere", clients)
    yield "internet", Pod("", address="203.0.113.10")
    yield "private network", Pod("", address="10.0.0.5")
    yield "cloud metadata", Pod("", address="169.254.169.254")
    for name in workspace:
        yield f"{name}-db", Pod("", "shop", {named: f"{name}-db"})
        yield f"{name} elsewhere", Pod("", "elsewhere", {named: name})


def test_callers_change_nothing_at_the_provider(objects: Render) -> None:
    caller = Pod("", labels={"orders-client": "true"})
    provider = Pod(
        "", labels=one(objects(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    )
    policies = of_kind(objects(), "NetworkPolicy")

    assert allowed(policies, caller, provider, ("TCP", 8000))
    assert not allowed(policies, Pod(""), provider, ("TCP", 8000))


def test_a_removed_dependency_is_denied(objects: Render, chart_of: Find) -> None:
    found = objects(chart_of() / "values-development.yaml")
    api = Pod("", labels=one(found, "Deployment")["spec"]["template"]["metadata"]["labels"])
    others = dict(surroundings(["orders"]))
    policies = of_kind(found, "NetworkPolicy")

    assert not allowed(policies, api, others["internet"], ("TCP", 443))
    assert not allowed(policies, api, others["collector"], ("TCP", 4318))
    assert allowed(policies, api, others["orders-db"], ("TCP", 5432))
