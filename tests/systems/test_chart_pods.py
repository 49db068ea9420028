"""The pods of a release, what they need, and the Services that select them."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.charts import (
    BY_DIGEST,
    DIGEST,
    EXTERNAL,
    Render,
    component,
    every_combination,
    of_kind,
    one,
    pods_of,
)


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
def test_every_reference_exists(objects: Render, answers: dict[str, str]) -> None:
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
    """Yield the objects that the containers and volumes of a pod refer to."""
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
def test_services_select_serving_pods_only(objects: Render, answers: dict[str, str]) -> None:
    found = objects(**answers)
    for it in of_kind(found, "Service"):
        led_to = {
            component(labels)
            for _, labels, _ in pods_of(found)
            if it["spec"]["selector"].items() <= labels.items()
        }
        assert led_to == {"api"}
        assert [(port["name"], port["port"]) for port in it["spec"]["ports"]] == [("http", 8000)]


def test_migration_has_its_prerequisites(objects: Render) -> None:
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


def test_external_secrets_are_created_for_both(objects: Render) -> None:
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
    assert pod["initContainers"][0]["command"] == ["python", "-m", "orders", "migrate"]
    assert pod["initContainers"][0]["volumeMounts"] == pod["containers"][0]["volumeMounts"]
    config = one(found, "ConfigMap")["data"]
    assert config["DATABASE_URL"] == "sqlite:////data/orders.db"
    assert not any(kind == "Secret" for kind, _ in references(pod))


def test_no_pod_stops_before_its_successor_is_ready(objects: Render) -> None:
    strategy = one(objects(), "Deployment")["spec"]["strategy"]

    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize(("drain", "grace", "period"), [("10", "20", 35), ("0.5", "90", 96)])
def test_termination_grace_period(objects: Render, drain: str, grace: str, period: int) -> None:
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


def test_digest_takes_precedence_over_tag(objects: Render) -> None:
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
def test_disabled_parts_are_absent(objects: Render, switch: str, kinds: set[str]) -> None:
    before, after = ({it["kind"] for it in objects(*values)} for values in ((), (switch,)))

    assert kinds <= before
    assert after == before - kinds


def test_metrics_have_the_label_of_the_version(objects: Render) -> None:
    for rollout, label in (
        ("rolling", "pod-template-hash"),
        ("canary", "rollouts-pod-template-hash"),
    ):
        found = objects('monitoring.podTargetLabels=["team"]', rollout=rollout)
        assert one(found, "ServiceMonitor")["spec"]["podTargetLabels"] == [label, "team"]


def test_rollback_to_an_old_version_completes(objects: Render) -> None:
    """Argo Rollouts 1.8 skips the analysis within the rollback window, but waits for it."""
    canary, blue_green = (
        one(objects(rollout=rollout), "Rollout")["spec"] for rollout in ("canary", "blue_green")
    )

    assert canary["rollbackWindow"] == {"revisions": 3}
    assert "prePromotionAnalysis" in blue_green["strategy"]["blueGreen"]
    assert "rollbackWindow" not in blue_green
