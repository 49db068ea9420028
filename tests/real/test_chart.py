"""The chart as Helm renders it: what clusters take, what scanners say, who may call whom.

There is no API server in these tests. Objects are held against the schemas of every release of
Kubernetes that the chart is for, and connections against an evaluator of network policies.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import charts
from tests.charts import ENVIRONMENTS, REFUSED, REFUSED_WITH_A_FILE, Values
from tests.fast.combinations import possible
from tests.real.tools.checkov import Checkov
from tests.real.tools.helm import NEWEST, OLDEST, Helm, Object, RefusedError
from tests.real.tools.network_policy import Pod, Port, allowed
from tests.real.tools.schemas import VERSIONS, CustomResources, Kubernetes, called, is_custom
from tests.rendering import CHOICES, render

Find = Callable[..., Path]
Render = Callable[..., list[Object]]

COMBINATIONS = [
    {"database": database, "rollout": rollout}
    for database, rollout in product(CHOICES["database"], CHOICES["rollout"])
    if possible({"database": database, "rollout": rollout, "deploy": "kubernetes"})
]
COMBINATIONS += [
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
# Everything that is empty, or off, in values.yaml.
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
CERTIFICATE = {
    "issuerRef": {"kind": "ClusterIssuer", "name": "services"},
    "trustDomain": "cluster.local",
    "duration": "24h",
    "renewBefore": "8h",
}
TLS = ("tls.enabled=true", f"tls.certificate={json.dumps(CERTIFICATE)}")
CALLERS = ('callers=["checkout", "mall/shop"]',)


def name_of(answers: Mapping[str, str]) -> str:
    return "-".join(answers.values())


every_combination = pytest.mark.parametrize("answers", COMBINATIONS, ids=name_of)


@pytest.fixture(scope="module")
def chart_of(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """The chart of a service with these answers, rendered once."""

    @cache
    def find(**answers: str) -> Path:
        folder = tmp_path_factory.mktemp("chart")
        return charts.chart(render(folder, workspace="", **answers))

    return find


@pytest.fixture(scope="module")
def objects(helm4: Helm, chart_of: Find) -> Render:
    """What Helm 4 makes of a service's chart with values, files or settings; once."""

    @cache
    def template(*values: Path | str, **answers: str) -> list[Object]:
        return helm4.template(chart_of(**answers), *values)

    return template


@pytest.fixture(scope="module")
def everything(objects: Render, chart_of: Find) -> list[Object]:
    """Every object of every combination in every environment; those that are equal, once."""
    found = [
        it
        for answers in COMBINATIONS
        for values in sets_of_values(chart_of(**answers))
        for it in objects(*values, **answers)
    ]
    for answers in COMBINATIONS:
        found += objects(*OPTIONS, *(CALLERS if "mesh" in answers else TLS), **answers)
    return [json.loads(text) for text in sorted({json.dumps(it, sort_keys=True) for it in found})]


def sets_of_values(chart: Path) -> list[tuple[Path, ...]]:
    """The chart's own values, then those of each environment."""
    return [(), *((chart / f"values-{name}.yaml",) for name in ENVIRONMENTS)]


@every_combination
def test_lint(either_helm: Helm, chart_of: Find, answers: dict[str, str]) -> None:
    chart = chart_of(**answers)
    for values in sets_of_values(chart):
        either_helm.lint(chart, *values)


@every_combination
def test_is_the_same_to_both(helm3: Helm, objects: Render, chart_of: Find, answers: Any) -> None:
    chart = chart_of(**answers)
    for values in sets_of_values(chart):
        old = helm3.template(chart, *values, kubernetes=OLDEST)
        new = objects(*values, **answers)
        assert sorted(map(called, old)) == sorted(map(called, new))
        assert all(it in new for it in old)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_it(
    everything: list[Object], kubernetes: Kubernetes, version: str
) -> None:
    own = [it for it in everything if not is_custom(it)]

    assert {"Deployment", "NetworkPolicy", "Job"} <= {it["kind"] for it in own}
    assert kubernetes.problems(own, version) == []


def test_schemas_know_a_wrong_name(objects: Render, kubernetes: Kubernetes) -> None:
    deployment = json.loads(json.dumps(one(objects(), "Deployment")))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["readinesProbe"] = container.pop("readinessProbe")

    (problem,) = kubernetes.problems([deployment], NEWEST)
    assert "spec.template.spec.containers.0" in problem
    assert "readinesProbe" in problem


def test_operators_take_it(everything: list[Object], custom_resources: CustomResources) -> None:
    custom = [it for it in everything if is_custom(it)]

    assert {"HTTPRoute", "ExternalSecret", "Rollout"} <= {it["kind"] for it in custom}
    assert {"Certificate", "PeerAuthentication", "Sidecar"} <= {it["kind"] for it in custom}
    assert {"Server", "MeshTLSAuthentication"} <= {it["kind"] for it in custom}
    assert custom_resources.problems(custom) == []


def test_models_know_a_wrong_value_and_a_wrong_name(custom_resources: CustomResources) -> None:
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


def test_scanner_finds_nothing_else(
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
    """An object in the release's namespace; a Rollout as the Deployment that it stands for."""
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment"} if it["kind"] == "Rollout" else {}
    return {**it, **deployment, "metadata": {**it["metadata"], "namespace": "shop"}}


@every_combination
def test_pods_are_restricted(objects: Render, answers: dict[str, str]) -> None:
    pods = [spec for _, _, spec in pods_of(objects(**answers))]

    assert pods
    for pod in pods:
        assert not set(pod) & {"hostNetwork", "hostPID", "hostIPC"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        kinds = {kind for volume in pod.get("volumes", []) for kind in set(volume) - {"name"}}
        assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim"}
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert not any("hostPort" in port for port in container.get("ports", []))


@every_combination
def test_everything_referred_to_is_there(objects: Render, answers: dict[str, str]) -> None:
    found = objects(**answers)
    there = {(it["kind"], it["metadata"]["name"]) for it in found} | {("Secret", "orders")}

    referred = {
        *(("ServiceAccount", pod["serviceAccountName"]) for _, _, pod in pods_of(found)),
        *(reference for _, _, pod in pods_of(found) for reference in references(pod)),
        *(
            ("Service", backend["name"])
            for it in of_kind(found, "HTTPRoute")
            if it["apiVersion"] == "gateway.networking.k8s.io/v1"
            for rule in it["spec"]["rules"]
            for backend in rule["backendRefs"]
        ),
        *(
            (it["spec"]["scaleTargetRef"]["kind"], it["spec"]["scaleTargetRef"]["name"])
            for it in of_kind(found, "HorizontalPodAutoscaler")
        ),
    }
    assert referred <= there


def references(pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the containers and volumes of a pod need to be there."""
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"]["name"]
            else:
                yield "Secret", source["secretRef"]["name"]
        for variable in container.get("env", []):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                yield "Secret", reference["name"]
    for volume in pod.get("volumes", []):
        if claim := volume.get("persistentVolumeClaim"):
            yield "PersistentVolumeClaim", claim["claimName"]


@every_combination
def test_services_lead_to_pods_that_serve_only(objects: Render, answers: dict[str, str]) -> None:
    found = objects(**answers)
    for it in of_kind(found, "Service"):
        led_to = {
            component(labels)
            for _, labels, _ in pods_of(found)
            if it["spec"]["selector"].items() <= labels.items()
        }
        assert led_to == {"api"}
        assert [(port["name"], port["port"]) for port in it["spec"]["ports"]] == [("http", 8000)]


def test_migration_brings_what_it_needs(objects: Render) -> None:
    hooks = {
        (it["kind"], it["metadata"]["name"]): int(notes["helm.sh/hook-weight"])
        for it in objects(EXTERNAL)
        if "pre-install" in (notes := it["metadata"].get("annotations", {})).get("helm.sh/hook", "")
    }
    job = hooks.pop(("Job", "orders-migration"))

    assert set(hooks) == {
        ("ServiceAccount", "orders-migration"),
        ("ExternalSecret", "orders-migration"),
        ("NetworkPolicy", "orders-migration"),
    }
    assert max(hooks.values()) < job


def test_migration_reads_the_database_address_only(objects: Render) -> None:
    (container,) = one(objects(EXTERNAL), "Job")["spec"]["template"]["spec"]["containers"]

    assert "envFrom" not in container
    assert [variable["name"] for variable in container["env"]] == ["DATABASE_URL"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "orders-migration"


def test_external_secrets_are_made_for_both(objects: Render) -> None:
    made = {
        it["metadata"]["name"]: it["spec"]["target"]["name"]
        for it in of_kind(objects(EXTERNAL), "ExternalSecret")
    }
    assert made == {"orders": "orders", "orders-migration": "orders-migration"}


def test_file_is_migrated_by_its_own_pod(objects: Render) -> None:
    found = objects(database="sqlite")
    deployment = one(found, "Deployment")["spec"]
    pod = deployment["template"]["spec"]

    assert deployment["strategy"] == {"type": "Recreate"}
    assert deployment["replicas"] == 1
    assert of_kind(found, "HorizontalPodAutoscaler") == of_kind(found, "Job") == []
    assert pod["initContainers"][0]["command"] == ["alembic", "upgrade", "head"]
    assert pod["initContainers"][0]["volumeMounts"] == pod["containers"][0]["volumeMounts"]
    config = one(found, "ConfigMap")["data"]
    assert config["DATABASE_URL"] == "sqlite:////data/orders.db"
    assert not any(kind == "Secret" for kind, _ in references(pod))


def test_no_pod_goes_before_its_successor_is_ready(objects: Render) -> None:
    strategy = one(objects(), "Deployment")["spec"]["strategy"]

    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize(("drain", "grace", "period"), [("10", "20", 35), ("0.5", "90", 96)])
def test_time_to_end(objects: Render, drain: str, grace: str, period: int) -> None:
    values = f'config={{"SHUTDOWN_DRAIN_SECONDS": "{drain}", "SHUTDOWN_GRACE_SECONDS": "{grace}"}}'
    pod = one(objects(values), "Deployment")["spec"]["template"]["spec"]

    assert pod["terminationGracePeriodSeconds"] == period
    assert period > float(drain) + float(grace)


def test_new_configuration_means_new_pods(objects: Render) -> None:
    before, after = (
        one(objects(*values), "Deployment")["spec"]["template"]
        for values in ((), ('config={"LOG_LEVEL": "DEBUG"}',))
    )
    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]
    assert before["spec"] == after["spec"]


def test_digest_goes_before_tag(objects: Render) -> None:
    for values, image in (
        ((), "registry.example.com/orders:0.1.0"),
        (('image.tag="1.2.3"',), "registry.example.com/orders:1.2.3"),
        (('image.tag="1.2.3"', BY_DIGEST), f"registry.example.com/orders@{DIGEST}"),
    ):
        used = {
            container["image"]
            for _, _, pod in pods_of(objects(*values))
            for container in pod["containers"]
        }
        assert used == {image}


def test_scales_by_cpu_and_requests(objects: Render) -> None:
    metrics = one(objects(), "HorizontalPodAutoscaler")["spec"]["metrics"]

    assert [metric["type"] for metric in metrics] == ["Resource", "Pods"]
    without = objects("autoscaling.requestsPerSecond=0")
    assert len(one(without, "HorizontalPodAutoscaler")["spec"]["metrics"]) == 1
    assert one(objects(), "Deployment")["spec"].get("replicas") is None
    fixed = objects("autoscaling.enabled=false", "replicas=4")
    assert one(fixed, "Deployment")["spec"]["replicas"] == 4


@pytest.mark.parametrize(
    ("switch", "kinds"),
    [
        ("networkPolicy.enabled=false", {"NetworkPolicy"}),
        ("route.enabled=false", {"HTTPRoute"}),
        ("autoscaling.enabled=false", {"HorizontalPodAutoscaler"}),
        ("monitoring.enabled=false", {"ServiceMonitor", "PrometheusRule"}),
    ],
)
def test_what_is_switched_off_is_gone(objects: Render, switch: str, kinds: set[str]) -> None:
    before, after = ({it["kind"] for it in objects(*values)} for values in ((), (switch,)))

    assert kinds <= before
    assert after == before - kinds


def test_refuses_fewer_at_most_than_at_least(either_helm: Helm, chart_of: Find) -> None:
    with pytest.raises(RefusedError, match=r"minReplicas \(9\) is more than"):
        either_helm.template(chart_of(), "autoscaling.minReplicas=9")


@pytest.mark.parametrize(
    ("answers", "over", "named"),
    [
        *(((), over, named) for _, over, named in REFUSED),
        *(((("database", "sqlite"),), over, named) for _, over, named in REFUSED_WITH_A_FILE),
    ],
    ids=[what for what, _, _ in (*REFUSED, *REFUSED_WITH_A_FILE)],
)
def test_refuses_values(
    either_helm: Helm,
    chart_of: Find,
    tmp_path: Path,
    answers: tuple[tuple[str, str], ...],
    over: Values,
    named: str,
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(over))

    with pytest.raises(RefusedError) as refused:
        either_helm.template(chart_of(**dict(answers)), file)
    assert "values don't meet the specifications of the schema" in str(refused.value)
    assert named in str(refused.value)


# Who calls whom in three workspaces; the provider's files never name a caller.
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
IN_ISTIO = {name: {**answers, "mesh": "istio"} for name, answers in CHAIN.items()}
IN_LINKERD = {name: {**answers, "mesh": "linkerd"} for name, answers in FAN_IN.items()}

# Where the proxies of a mesh get their certificates.
CONTROL_PLANES = {"istio": (15012,), "linkerd": (8080, 8086, 8090)}
# Where a proxy takes what others send, whatever port that is for.
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
        (CHAIN, TLS, {("storefront", "orders"), ("orders", "inventory")}),
        (IN_ISTIO, (), {("storefront", "orders"), ("orders", "inventory")}),
        (IN_LINKERD, (), {("orders", "payments"), ("shipping", "payments")}),
    ],
    ids=["chain", "fan-in", "alone", "tls", "istio", "linkerd"],
)
def test_network_is_what_is_declared(
    objects: Render,
    workspace: dict[str, dict[str, str]],
    values: tuple[str, ...],
    calls: set[tuple[str, str]],
) -> None:
    api_port: Port = ("TCP", 8443 if values == TLS else 8000)
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
    """What a service may do beside calling others, and who may call it beside its callers."""
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
    """Where the proxies of a service's mesh are."""
    return PROXIES.get(answers.get("mesh", "none"), [])


def surroundings(workspace: Iterable[str]) -> Iterator[tuple[str, Pod]]:
    """Who else is there, with the right labels in the right place, or not."""
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


def test_own_tls_is_mounted_for_pods_that_serve_only(objects: Render) -> None:
    mounting = {
        component(labels): [mount["name"] for mount in pod["containers"][0]["volumeMounts"]]
        for _, labels, pod in pods_of(objects(*TLS))
        if "volumeMounts" in pod["containers"][0]
    }
    assert mounting == {"api": ["tmp", "tls"], "migration": ["tmp"]}
    (service,) = of_kind(objects(*TLS), "Service")
    assert [port["port"] for port in service["spec"]["ports"]] == [8000, 8443]
    certificate = one(objects(*TLS), "Certificate")["spec"]
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


def test_istio_lets_in_who_is_declared(objects: Render) -> None:
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


def test_linkerd_lets_in_who_is_declared(objects: Render) -> None:
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


def test_models_know_a_wrong_policy(objects: Render, custom_resources: CustomResources) -> None:
    found = json.loads(json.dumps(objects(mesh="linkerd") + objects(mesh="istio")))
    one(found, "Server")["spec"]["accesspolicy"] = "deny"
    one(found, "PeerAuthentication")["spec"]["mtls"]["mode"] = "STRONG"
    kinds = ("Server", "PeerAuthentication")

    problems = "\n".join(custom_resources.problems([it for it in found if it["kind"] in kinds]))
    assert "'accesspolicy' was unexpected" in problems
    assert "/mtls/mode" in problems


def test_callers_change_nothing_at_the_provider(objects: Render) -> None:
    caller = Pod("", labels={"orders-client": "true"})
    provider = Pod(
        "", labels=one(objects(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    )
    policies = of_kind(objects(), "NetworkPolicy")

    assert allowed(policies, caller, provider, ("TCP", 8000))
    assert not allowed(policies, Pod(""), provider, ("TCP", 8000))


def test_an_edge_taken_away_is_gone(objects: Render, chart_of: Find) -> None:
    found = objects(chart_of() / "values-development.yaml")
    api = Pod("", labels=one(found, "Deployment")["spec"]["template"]["metadata"]["labels"])
    others = dict(surroundings(["orders"]))
    policies = of_kind(found, "NetworkPolicy")

    assert not allowed(policies, api, others["internet"], ("TCP", 443))
    assert not allowed(policies, api, others["collector"], ("TCP", 4318))
    assert allowed(policies, api, others["orders-db"], ("TCP", 5432))


@every_combination
def test_notes(helm4: Helm, chart_of: Find, answers: dict[str, str]) -> None:
    notes = helm4.notes(chart_of(**answers))

    assert 'orders-client: "true"' in notes
    assert "https://orders.example.com/api" in notes
    assert "WARNING: some values still name example.com" in notes
    assert "<no value>" not in notes


def of_kind(found: Iterable[Object], kind: str) -> list[Object]:
    """Objects of a kind."""
    return [it for it in found if it["kind"] == kind]


def one(found: Iterable[Object], kind: str) -> Object:
    """The only object of a kind."""
    (it,) = of_kind(found, kind)
    return it


def pods_of(found: Iterable[Object]) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """Every pod that objects describe: its owner, labels and spec."""
    return [
        (called(it), pod["metadata"]["labels"], pod["spec"])
        for it in found
        for pod in templates(it)
    ]


def templates(part: Any) -> Iterator[dict[str, Any]]:
    """Every pod in an object, however deep."""
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
    """The part of the service that a pod is."""
    return labels["app.kubernetes.io/component"]
