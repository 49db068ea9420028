"""Releases by Argo Rollouts: what its controller does with the chart and a version's requests.

The controller and Prometheus are real. The cluster is a stub that stores objects and reports every
pod as ready; requests are recorded samples. Time runs sixty times as fast: a minute in the chart is
a second here, and Prometheus is queried for the corresponding time.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.charts import Render
from tests.support.servers.kubernetes import Path as At
from tests.support.servers.kubernetes import Store, kubernetes, merged
from tests.support.servers.processes import Process, free_port, wait_until
from tests.support.servers.prometheus import Prometheus, Promtool, Requests, prometheus, record
from tests.support.tools.helm import Object

# Compiling the controller takes longer than all tests.
pytestmark = pytest.mark.long

START = 1_767_225_600
SPEED = 60

VERSIONS = {
    "good": [Requests(5)],
    "one-in-twenty-fails": [Requests(4.75), Requests(0.25, status=500)],
    "slow": [Requests(4), Requests(1, seconds=0.8)],
    "hardly-called": [Requests(0.2)],
}

VALUES = ('autoscaling={"enabled": false}', "replicas=10")


@dataclass
class Release:
    """A release of a version after a good one.

    Attributes:
        rollout: the strategy, an answer to the template's question.
        version: the behaviour of the new version.
        ready: whether its pods become ready.
        smoke: whether it passes the smoke test.
        prometheus: whether Prometheus is available.
        automatic: whether the switch needs no promotion.
    """

    rollout: str
    version: str
    ready: bool = True
    smoke: bool = True
    prometheus: bool = True
    automatic: bool = True
    began: float = field(default=0, compare=False)

    @property
    def namespace(self) -> str:
        """Return its namespace."""
        says = {
            "unready": not self.ready,
            "smoky": not self.smoke,
            "blind": not self.prometheus,
            "asking": not self.automatic,
        }
        words = (self.rollout.replace("_", "-"), self.version, *(it for it in says if says[it]))
        return "-".join(words)


(
    CANARY,
    FAILS,
    SLOW,
    FEW,
    UNREADY,
    BLIND,
    BLUE_GREEN,
    GREEN_FAILS,
    SMOKY,
    UNSEEN,
    GREEN_FEW,
    ASKING,
) = RELEASES = (
    Release("canary", "good"),
    Release("canary", "one-in-twenty-fails"),
    Release("canary", "slow"),
    Release("canary", "hardly-called"),
    Release("canary", "good", ready=False),
    Release("canary", "good", prometheus=False),
    Release("blue_green", "good"),
    Release("blue_green", "one-in-twenty-fails"),
    Release("blue_green", "good", smoke=False),
    Release("blue_green", "unseen"),
    Release("blue_green", "hardly-called"),
    Release("blue_green", "good", automatic=False),
)


class Cluster:
    """The cluster with all releases in progress at the same time, which saves time."""

    def __init__(self, store: Store, url: str, recorded: Prometheus) -> None:
        self._store, self._url, self._recorded = store, url, recorded
        self._first: dict[str, str] = {}
        self._images: dict[str, str] = {}

    def status(self, release: Release) -> Object:
        """Return the Rollout's status."""
        status: Object = self._store.get(self._rollout(release)).get("status", {})
        return status

    def ends(self, release: Release, phase: str, message: str = "") -> Object:
        """Wait until the Rollout is in a phase for a reason; return its status."""

        def ended() -> bool:
            status = self.status(release)
            return status.get("phase") == phase and bool(
                re.search(message, status.get("message", ""))
            )

        try:
            wait_until(ended, release.namespace, 90)
        except TimeoutError as error:
            raise AssertionError(f"{error}: {self.status(release)}") from None
        return self.status(release)

    def has_noticed(self, release: Release) -> bool:
        """Return whether the controller has seen the new version."""
        status = self.status(release)
        return bool(status["currentPodHash"] != self._first[release.namespace])

    def served_by(self, release: Release, service: str = "orders") -> list[str]:
        """Return the versions that a Service has selected, in order."""
        status = self.status(release)
        names = {status["currentPodHash"]: "new"}
        seen = [
            names.get(it["spec"]["selector"].get("rollouts-pod-template-hash"), "old")
            for at, _, it in list(self._store.events)
            if (at.resource, at.namespace, at.name) == ("services", release.namespace, service)
        ]
        return [it for before, it in zip(["", *seen], seen, strict=False) if it != before]

    def replicas(self, release: Release) -> int:
        """Return the highest number of pods of the new version."""
        hash_ = self.status(release)["currentPodHash"]
        return max(
            int(it["spec"]["replicas"])
            for at, _, it in list(self._store.events)
            if (at.resource, at.namespace) == ("replicasets", release.namespace)
            and it["metadata"]["labels"]["rollouts-pod-template-hash"] == hash_
        )

    def analyses(self, release: Release) -> list[str]:
        """Return the phases of the analyses so far."""
        runs, _ = self._store.all(At("argoproj.io/v1alpha1", "analysisruns", release.namespace))
        return [run.get("status", {}).get("phase", "") for run in runs]

    def install(self, release: Release, objects: list[Object]) -> None:
        """Create a chart's objects."""
        for it in objects:
            if it["kind"] == "AnalysisTemplate":
                for metric in it["spec"]["metrics"]:
                    self._hurry(metric, release)
            elif it["kind"] == "Rollout":
                hurry(it["spec"])
                # There is no gateway that could split traffic.
                it["spec"]["strategy"].get("canary", {}).pop("trafficRouting", None)
            elif it["kind"] != "Service":
                continue
            self._store.create(
                At(it["apiVersion"], it["kind"].lower() + "s", release.namespace), it
            )

    def upgrade(self, release: Release) -> None:
        """Change the image."""

        def change(it: Object) -> Object:
            (container,) = it["spec"]["template"]["spec"]["containers"]
            self._images[release.namespace] = container["image"]
            container["image"] = f"orders:{release.version}"
            return it

        self._first[release.namespace] = self.status(release)["currentPodHash"]
        self._change(release, change)

    def go_back(self, release: Release) -> None:
        """Restore the earlier image, as `helm rollback` does."""

        def change(it: Object) -> Object:
            (container,) = it["spec"]["template"]["spec"]["containers"]
            container["image"] = self._images[release.namespace]
            return it

        self._change(release, change)

    def promote(self, release: Release) -> None:
        """Continue a release, as `kubectl argo rollouts promote` does."""
        self._change(release, lambda it: merged(it, {"status": {"pauseConditions": None}}))

    def _change(self, release: Release, change: Callable[[Object], Object]) -> None:
        """Change a Rollout and make the controller reconcile it twice.

        The controller may act on its own cached write and miss a change made a moment before. In a
        cluster, the next event would correct this.
        """

        def touch(it: Object) -> Object:
            touched: Object = merged(
                it, {"metadata": {"annotations": {"touched": str(time.time())}}}
            )
            return touched

        release.began = time.monotonic()
        self._store.update(self._rollout(release), change)
        for seconds in (1, 3):
            again = threading.Timer(seconds, self._store.update, [self._rollout(release), touch])
            again.daemon = True
            again.start()

    def answer(self, release: Release, form: dict[str, str]) -> Object:
        """Answer a query from the recorded samples of the two versions."""
        status, query = self.status(release), form["query"]
        for hash_, version in (
            (status["currentPodHash"], release.version),
            (status["stableRS"], "good"),
        ):
            query = query.replace(hash_, version)
        now = START + 300 + (time.monotonic() - release.began) * SPEED
        return {
            "status": "success",
            "data": self._recorded.get("/api/v1/query", query=query, time=str(now)),
        }

    def _hurry(self, metric: Object, release: Release) -> None:
        hurry(metric)
        if "prometheus" in metric["provider"]:
            there = f"{self._url}/{release.namespace}"
            address = there if release.prometheus else "http://127.0.0.1:9"
            metric["provider"]["prometheus"]["address"] = address

    @staticmethod
    def _rollout(release: Release) -> At:
        return At("argoproj.io/v1alpha1", "rollouts", release.namespace, "orders")


def hurry(it: Any) -> None:
    """Shorten every duration in an object."""
    if isinstance(it, list):
        for item in it:
            hurry(item)
    elif isinstance(it, dict):
        for name, value in it.items():
            if name in ("initialDelay", "interval", "duration"):
                assert re.fullmatch(r"\d+m", value), value
                it[name] = value.replace("m", "s")
            elif name in ("minReadySeconds", "progressDeadlineSeconds"):
                it[name] = value // SPEED
            else:
                hurry(value)


@pytest.fixture(scope="module")
def cluster(
    charts: Render,
    argo_rollouts: Path,
    promtool: Promtool,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """A cluster with a good version in each namespace, and a new version just released."""
    by_namespace = {release.namespace: release for release in RELEASES}
    store = Store(
        available=lambda it: (
            by_namespace[it["metadata"]["namespace"]].ready
            or "orders:good" not in str(it["spec"]["template"])
        ),
        completes=lambda it: by_namespace[it["metadata"]["namespace"]].smoke,
    )
    instances = [
        ({"namespace": "shop", "job": "orders", "rollouts_pod_template_hash": version}, traffic)
        for version, traffic in VERSIONS.items()
    ]
    traffic = record(instances, start=START, seconds=2400)
    pages: dict[str, Any] = {}
    with prometheus(promtool, recorded=traffic) as recorded, kubernetes(store, pages) as url:
        cluster = Cluster(store, url, recorded)
        for name, release in by_namespace.items():
            pages[f"/{name}/api/v1/query"] = lambda form, release=release: cluster.answer(
                release, form
            )
            ask = () if release.automatic else ('rollout={"autoPromotion": false}',)
            cluster.install(release, charts(*VALUES, *ask, rollout=release.rollout))
        controller = Process(
            [
                str(argo_rollouts),
                *("--server", url, "--leader-elect=false"),
                *("--metricsport", str(free_port()), "--healthzPort", str(free_port())),
            ],
            log=tmp_path_factory.mktemp("argo-rollouts") / "log",
        )
        controller.start()
        try:
            for release in RELEASES:
                cluster.ends(release, "Healthy")
            time.sleep(1)  # the controller compares ages in whole seconds
            for release in RELEASES:
                cluster.upgrade(release)
            for release in RELEASES:
                wait_until(partial(cluster.has_noticed, release), release.namespace)
            yield cluster
        finally:
            controller.stop()


def test_a_good_version_gets_all_requests(cluster: Cluster) -> None:
    status = cluster.ends(CANARY, "Healthy")

    assert status["stableRS"] == status["currentPodHash"]
    assert status["currentStepIndex"] == 9
    assert cluster.replicas(CANARY) == 10
    assert cluster.served_by(CANARY) == ["old", "new"]


@pytest.mark.parametrize(("release", "metric"), [(FAILS, "errors"), (SLOW, "latency")])
def test_a_bad_version_is_rolled_back_at_the_first_step(
    cluster: Cluster, release: Release, metric: str
) -> None:
    status = cluster.ends(release, "Degraded", "RolloutAborted")

    assert f'"{metric}" assessed Failed due to failed (2) > failureLimit (1)' in status["message"]
    assert status["stableRS"] != status["currentPodHash"]
    assert cluster.replicas(release) == 1
    assert cluster.served_by(release) == ["old"]


def test_a_version_with_few_requests_waits_for_a_decision(cluster: Cluster) -> None:
    status = cluster.ends(FEW, "Paused", "InconclusiveAnalysisRun")

    assert status["currentStepIndex"] == 2
    assert cluster.replicas(FEW) == 1
    assert cluster.served_by(FEW) == ["old"]


def test_a_version_that_does_not_become_ready_is_rolled_back(cluster: Cluster) -> None:
    status = cluster.ends(UNREADY, "Degraded", "RolloutAborted")

    assert status["stableRS"] != status["currentPodHash"]
    assert cluster.served_by(UNREADY) == ["old"]


def test_without_prometheus_a_version_is_rolled_back(cluster: Cluster) -> None:
    status = cluster.ends(BLIND, "Degraded", "RolloutAborted.*assessed Error")

    assert status["stableRS"] != status["currentPodHash"]
    assert cluster.served_by(BLIND) == ["old"]


def test_a_good_version_takes_over_at_once(cluster: Cluster) -> None:
    status = cluster.ends(BLUE_GREEN, "Healthy")

    assert status["stableRS"] == status["currentPodHash"]
    assert cluster.served_by(BLUE_GREEN) == ["old", "new"]
    assert cluster.served_by(BLUE_GREEN, "orders-preview") == ["old", "new"]


def test_a_version_that_fails_after_the_switch_is_switched_back(cluster: Cluster) -> None:
    status = cluster.ends(GREEN_FAILS, "Degraded", 'RolloutAborted.*"errors" assessed Failed')

    assert status["stableRS"] != status["currentPodHash"]
    assert cluster.served_by(GREEN_FAILS) == ["old", "new", "old"]


def test_a_version_that_fails_its_smoke_test_is_never_switched_to(cluster: Cluster) -> None:
    status = cluster.ends(SMOKY, "Degraded", 'RolloutAborted.*"smoke" assessed Failed')

    assert status["stableRS"] != status["currentPodHash"]
    assert cluster.served_by(SMOKY) == ["old"]


def test_a_version_that_prometheus_does_not_see_is_not_switched_to(cluster: Cluster) -> None:
    cluster.ends(UNSEEN, "Paused", "InconclusiveAnalysisRun")

    assert cluster.served_by(UNSEEN) == ["old"]


def test_a_version_with_few_requests_after_the_switch_waits(cluster: Cluster) -> None:
    cluster.ends(GREEN_FEW, "Paused", "InconclusiveAnalysisRun")

    assert cluster.served_by(GREEN_FEW) == ["old", "new"]


def test_a_version_waits_for_manual_promotion(cluster: Cluster) -> None:
    cluster.ends(ASKING, "Paused", "BlueGreenPause")
    wait_until(lambda: cluster.analyses(ASKING) == ["Successful"], "smoke test")
    assert cluster.served_by(ASKING) == ["old"]

    cluster.promote(ASKING)
    cluster.ends(ASKING, "Healthy")
    assert cluster.served_by(ASKING) == ["old", "new"]


def test_rollback_takes_no_steps(cluster: Cluster) -> None:
    bad = cluster.ends(CANARY, "Healthy")["stableRS"]
    cluster.go_back(CANARY)
    wait_until(lambda: cluster.status(CANARY)["stableRS"] != bad, "the old version")

    assert cluster.ends(CANARY, "Healthy")["currentPodHash"] != bad
    assert cluster.analyses(CANARY) == ["Successful"] * 3
