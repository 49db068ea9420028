"""The chart in a real Kubernetes control plane, with the commands of its documentation.

The API server validates every object: by its schemas and those of the operators, by admission
(including Pod Security), and by field ownership. The controllers, including Argo Rollouts, act on
the objects. The node is simulated, so no containers, proxies, network policies or Gateway run.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from tests.support.charts import TRANSPORT, Find, Render, pods_of
from tests.support.combinations import possible
from tests.support.rendering import CHOICES
from tests.support.servers.control_plane import CommandError, ControlPlane, Namespace
from tests.support.servers.node import MIGRATION_FAILS, NEVER_READY, SMOKE_FAILS
from tests.support.servers.processes import Process, free_port, wait_until
from tests.support.tools.helm import Helm, Object
from tests.systems.test_chart import OPTIONS, sets_of_values

# The programs are compiled in the first run, and some failures take a minute.
pytestmark = pytest.mark.long

COMBINATIONS = [
    answers
    for answers in (
        {"rollout": rollout, "mesh": mesh, "database": database}
        for rollout, mesh, database in product(
            CHOICES["rollout"], CHOICES["mesh"], ("postgresql", "sqlite")
        )
    )
    if possible(answers)
]
# Short durations, no analysis by Prometheus, and no traffic shares of a Gateway.
QUICK = ("--set=rollout.minReadySeconds=1", "--set=monitoring.enabled=false")
QUICK_CANARY = (
    *QUICK,
    "--set=route.enabled=false",
    '--set-json=rollout.steps=[{"weight": 50, "pause": "1s"}]',
)


def address(name: str = "orders") -> str:
    """Return an image reference."""
    return f"registry.example.com/{name}@sha256:{'0' * 64}"


@dataclass(frozen=True)
class Release:
    """A release of a service in a separate namespace.

    Attributes:
        script: the script that deploys versions.
        namespace: where it is.
        options: options for every version.
    """

    script: Path
    namespace: Namespace
    options: tuple[str, ...]

    def deploy(self, version: str, image: str = "orders", *more: str) -> str:
        """Deploy a version as a pipeline does, and return the output."""
        return self.namespace.run(
            *("sh", str(self.script), "production", *self.options, *more),
            IMAGE=address(image),
            VERSION=version,
            DEPLOY_TIMEOUT="180",
        )

    def versions(self) -> set[str]:
        """Return the running versions, without terminating pods."""
        return {
            it["metadata"]["labels"]["app.kubernetes.io/version"]
            for it in self.namespace.get("pods", "--selector=app.kubernetes.io/component=api")[
                "items"
            ]
            if "deletionTimestamp" not in it["metadata"]
        }

    def comes_to(self, version: str) -> None:
        """Wait until only one version runs."""
        wait_until(lambda: self.versions() == {version}, f"{version} alone", 120)


@pytest.fixture(scope="module")
def with_rollouts(
    control_plane: ControlPlane, argo_rollouts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The control plane with Argo Rollouts."""
    controller = Process(
        [
            str(argo_rollouts),
            f"--kubeconfig={control_plane.kubeconfig('argo-rollouts')}",
            *("--leader-elect=false", f"--metricsport={free_port()}"),
            f"--healthzPort={free_port()}",
        ],
        log=tmp_path_factory.mktemp("argo-rollouts") / "log",
    )
    controller.start()
    yield
    controller.stop()


@pytest.fixture
def release(control_plane: ControlPlane, helm4: Helm, chart_of: Find) -> Callable[..., Release]:
    """Return a function that prepares a namespace for a service as docs/helm.md describes."""

    def make(name: str, *options: str, **answers: str) -> Release:
        script = chart_of(depends_on="inventory", **answers).with_name("deploy.sh")
        namespace = prepared(control_plane, name, helm4.program.parent)
        namespace.kubectl(
            *("create", "secret", "generic", "orders"),
            "--from-literal=DATABASE_URL=postgresql://USER:PASSWORD@HOST/orders",
        )
        return Release(script, namespace, options)

    return make


def prepared(control_plane: ControlPlane, name: str, *programs: Path) -> Namespace:
    """Create a namespace in which Pod Security enforces `restricted`, and return it."""
    namespace = control_plane.namespace(name, *programs)
    modes = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    namespace.kubectl("label", "namespace", name, *modes)
    return namespace


def judged(namespace: Namespace, objects: list[Object]) -> str:
    """Return the API server's verdict on objects, in strict mode with warnings as errors."""
    return namespace.kubectl(
        *("apply", "--dry-run=server", "--validate=strict", "--filename=-"),
        given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
    )


def pods(objects: list[Object]) -> list[Object]:
    """Return the pods that the objects' controllers would create."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod-{number}", "labels": labels},
            "spec": spec,
        }
        for number, (_, labels, spec) in enumerate(pods_of(objects))
    ]


@pytest.fixture(scope="module")
def judge(control_plane: ControlPlane) -> Namespace:
    """A namespace that contains only the prerequisites of pods."""
    namespace = prepared(control_plane, "judge")
    for account in ("orders", "orders-migration"):
        namespace.kubectl("create", "serviceaccount", account)
    namespace.kubectl("create", "priorityclass", "high", "--value=1")
    return namespace


@pytest.mark.parametrize("answers", COMBINATIONS, ids=lambda answers: "-".join(answers.values()))
def test_api_server_accepts_every_object(
    judge: Namespace, helm4: Helm, chart_of: Find, answers: dict[str, str]
) -> None:
    folder = chart_of(depends_on="inventory", **answers)
    sets: list[tuple[Path | str, ...]] = [*sets_of_values(folder)]
    sets.append((*OPTIONS, *TRANSPORT[answers["mesh"]]))

    for values in sets:
        objects = helm4.template(folder, *values)
        everything = [*objects, *pods(objects)]
        assert judged(judge, everything).count("(server dry run)") == len(everything)


def test_api_server_rejects_invalid_objects(judge: Namespace, charts: Render) -> None:
    objects = charts(mesh="linkerd")
    (deployment,) = (it for it in objects if it["kind"] == "Deployment")
    (server,) = (it for it in objects if it["kind"] == "Server")
    (pod, *_) = pods([deployment])
    server["spec"]["acessPolicy"] = server["spec"].pop("accessPolicy")
    del pod["spec"]["securityContext"]["seccompProfile"]

    with pytest.raises(CommandError, match=r'unknown field "(spec\.)?acessPolicy"'):
        judged(judge, [server])
    with pytest.raises(CommandError, match=r'violates PodSecurity "restricted.*seccompProfile'):
        judged(judge, [pod])
    deployment["spec"]["template"]["spec"] = pod["spec"]
    with pytest.raises(CommandError, match="Warning: would violate PodSecurity"):
        judged(judge, [deployment])


@pytest.mark.usefixtures("with_rollouts")
@pytest.mark.parametrize(
    ("rollout", "mesh", "options"),
    [
        ("rolling", "istio", QUICK),
        ("canary", "linkerd", QUICK_CANARY),
        ("blue_green", "none", QUICK),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_versions_are_deployed_rolled_back_and_uninstalled(
    release: Callable[..., Release], rollout: str, mesh: str, options: tuple[str, ...]
) -> None:
    orders = release(f"comes-{mesh}", *options, rollout=rollout, mesh=mesh)
    said = orders.deploy("1.0.0")
    said += orders.deploy("1.1.0")
    assert "Phase:          Succeeded" in said
    assert "level=WARN" not in said
    orders.comes_to("1.1.0")

    orders.namespace.run("helm", "rollback", "orders")
    orders.comes_to("1.0.0")

    orders.namespace.run("helm", "uninstall", "orders")
    wait_until(lambda: orders.namespace.names("pods,services,deployments,jobs") == [], "its end")
    assert orders.namespace.names("secrets") == ["orders"]
    assert orders.namespace.names("networkpolicies,serviceaccounts") == ["default"]


def test_manual_scaling_causes_no_conflict(release: Callable[..., Release]) -> None:
    fixed = ("--set=autoscaling.enabled=false", "--set=replicas=2")
    orders = release("scaled", *QUICK, *fixed)
    orders.deploy("1.0.0")
    orders.namespace.kubectl("scale", "deployment/orders", "--replicas=4")

    orders.deploy("1.1.0")
    orders.comes_to("1.1.0")
    assert orders.namespace.get("deployment", "orders")["spec"]["replicas"] == 2


def test_a_migration_that_fails_changes_nothing(release: Callable[..., Release]) -> None:
    orders = release("unmigrated", *QUICK)
    orders.deploy("1.0.0")

    with pytest.raises(CommandError, match=r"orders-migration not ready\. status: Failed"):
        orders.deploy("2.0.0", MIGRATION_FAILS)
    assert orders.versions() == {"1.0.0"}
    assert "runs nothing" in orders.namespace.kubectl("logs", "job/orders-migration")


def test_a_version_that_does_not_become_ready_is_removed(release: Callable[..., Release]) -> None:
    orders = release("unready", *QUICK)
    orders.deploy("1.0.0")

    with pytest.raises(CommandError, match="has been rolled back"):
        orders.deploy("2.0.0", NEVER_READY, "--timeout=20s")
    orders.comes_to("1.0.0")


@pytest.mark.usefixtures("with_rollouts")
@pytest.mark.parametrize(
    ("rollout", "options", "message"),
    [
        ("rolling", QUICK, "failed the smoke test; rolling back to the previous version"),
        ("canary", QUICK_CANARY, "failed the smoke test; rolling back to the previous version"),
        ("blue_green", QUICK, 'Rolled back to the old version: .*"smoke" assessed Failed'),
    ],
    ids=CHOICES["rollout"],
)
def test_a_version_that_fails_its_smoke_test_is_removed(
    release: Callable[..., Release], rollout: str, options: tuple[str, ...], message: str
) -> None:
    orders = release(f"smoky-{rollout.replace('_', '-')}", *options, rollout=rollout)
    orders.deploy("1.0.0")

    with pytest.raises(CommandError, match=message):
        orders.deploy("2.0.0", SMOKE_FAILS)
    orders.comes_to("1.0.0")
