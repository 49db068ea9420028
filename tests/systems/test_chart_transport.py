"""Transport between services: cleartext, mutual TLS by the service, or a mesh."""

import json

import pytest

from tests.support.charts import CALLERS, MTLS, Render, component, of_kind, one, pods_of, templates
from tests.support.tools.schemas import CustomResources


def test_cleartext_has_one_port_and_no_certificate(objects: Render) -> None:
    found = objects(rollout="rolling")

    (service,) = of_kind(found, "Service")
    assert [port["port"] for port in service["spec"]["ports"]] == [8000]
    ((_, _, pod),) = [it for it in pods_of(found) if component(it[1]) == "api"]
    (container,) = pod["containers"]
    assert [port["containerPort"] for port in container["ports"]] == [8000]
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp"]
    assert "Certificate" not in {it["kind"] for it in found}
    assert not [name for name in json.dumps(found).split('"') if name.startswith("TLS_")]


def test_own_tls_is_mounted_for_pods_that_serve_only(objects: Render) -> None:
    found = objects(*MTLS, mesh="service")
    mounting = {
        component(labels): [mount["name"] for mount in pod["containers"][0]["volumeMounts"]]
        for _, labels, pod in pods_of(found)
        if "volumeMounts" in pod["containers"][0]
    }
    assert mounting == {"api": ["tmp", "tls"], "migration": ["tmp"]}
    (service,) = of_kind(found, "Service")
    assert [port["port"] for port in service["spec"]["ports"]] == [8000, 8443]
    certificate = one(found, "Certificate")["spec"]
    assert certificate["uris"] == ["spiffe://cluster.local/ns/shop/sa/orders"]


@pytest.mark.parametrize("rollout", ["rolling", "blue_green"])
@pytest.mark.parametrize(
    ("mesh", "mark"), [("istio", "sidecar.istio.io/inject"), ("linkerd", "linkerd.io/inject")]
)
def test_a_migration_has_no_proxy(objects: Render, mesh: str, mark: str, rollout: str) -> None:
    found = objects(mesh=mesh, rollout=rollout)
    marks = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: {
            **pod["metadata"].get("annotations", {}),
            **pod["metadata"]["labels"],
        }.get(mark)
        for it in found
        for pod in templates(it)
    }
    on, off = ("true", "false") if mesh == "istio" else ("enabled", "disabled")
    assert marks == {"api": on, "smoke": on, "migration": off}


def test_istio_admits_declared_callers_only(objects: Render) -> None:
    rules = one(objects(*CALLERS, mesh="istio"), "AuthorizationPolicy")["spec"]["rules"]
    who = [rule["from"][0]["source"]["principals"] for rule in rules]

    assert who == [
        [f"cluster.local/ns/{it}" for it in ("shop/sa/checkout", "mall/sa/shop", "shop/sa/orders")],
        ["cluster.local/ns/gateway/sa/gateway-istio"],
        ["cluster.local/ns/monitoring/sa/prometheus"],
    ]
    assert [rule["to"][0]["operation"] for rule in rules] == [
        {"ports": ["8000"]},
        {"paths": ["/api", "/api/*"]},
        {"methods": ["GET"], "paths": ["/metrics"]},
    ]
    found = objects(*CALLERS, mesh="istio", depends_on="inventory")
    assert one(found, "PeerAuthentication")["spec"]["mtls"] == {"mode": "STRICT"}
    hosts = one(found, "Sidecar")["spec"]["egress"][0]["hosts"]
    assert hosts == ["./inventory.shop.svc.cluster.local", "istio-system/*"]


def test_linkerd_admits_declared_callers_only(objects: Render) -> None:
    found = objects(*CALLERS, mesh="linkerd")
    of_mesh = "serviceaccount.identity.linkerd.cluster.local"

    assert one(found, "Server")["spec"]["accessPolicy"] == "deny"
    assert one(found, "MeshTLSAuthentication")["spec"]["identities"] == [
        f"{it}.{of_mesh}" for it in ("checkout.shop", "shop.mall", "orders.shop", "gateway.gateway")
    ]
    named = {(it["kind"], it["metadata"]["name"]) for it in found}
    for it in of_kind(found, "AuthorizationPolicy"):
        refs = [it["spec"]["targetRef"], *it["spec"]["requiredAuthenticationRefs"]]
        assert {(ref["kind"], ref["name"]) for ref in refs} <= named
    probes = [it for it in of_kind(found, "HTTPRoute") if it["metadata"]["name"] == "orders-probes"]
    paths = [match["path"]["value"] for match in probes[0]["spec"]["rules"][0]["matches"]]
    assert paths == ["/health/live", "/health/ready", "/health/startup", "/metrics"]


def test_models_reject_an_invalid_policy(
    objects: Render, custom_resources: CustomResources
) -> None:
    found = json.loads(json.dumps(objects(mesh="linkerd") + objects(mesh="istio")))
    one(found, "Server")["spec"]["accesspolicy"] = "deny"
    one(found, "PeerAuthentication")["spec"]["mtls"]["mode"] = "STRONG"
    kinds = ("Server", "PeerAuthentication")

    problems = "\n".join(custom_resources.problems([it for it in found if it["kind"] in kinds]))
    assert "'accesspolicy' was unexpected" in problems
    assert "/mtls/mode" in problems
