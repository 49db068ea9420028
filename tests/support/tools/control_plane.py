"""The programs of Kubernetes and the definitions of operators, built from their Go modules.

No image is pulled and nothing is installed on the machine. The first build takes long: an API
server is two thousand packages.
"""

import re
from pathlib import Path

from . import kept, run, source

KUBERNETES, ETCD = "v1.34.1", "v3.6.4"
PROGRAMS = tuple(
    f"k8s.io/kubernetes/cmd/{name}"
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
)

# Module, version, and the path of the definitions in it.
DEFINITIONS = (
    ("github.com/argoproj/argo-rollouts", "v1.8.5", "manifests/crds/*-crd.yaml"),
    ("github.com/cert-manager/cert-manager", "v1.21.2", "deploy/crds/cert-manager.io_*.yaml"),
    (
        "github.com/external-secrets/external-secrets",
        "v1.3.2",
        "config/crds/bases/external-secrets.io_*.yaml",
    ),
    (
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        "example/prometheus-operator-crd/*.yaml",
    ),
    ("istio.io/api", "v1.31.1", "kubernetes/customresourcedefinitions.gen.yaml"),
    ("sigs.k8s.io/gateway-api", "v1.6.3", "config/crd/standard/gateway.networking.k8s.io_*.yaml"),
)


def programs() -> Path:
    """Return a folder with the programs of Kubernetes, and etcd."""

    def install(folder: Path) -> None:
        module = folder.with_name("module")
        module.mkdir()
        (module / "go.mod").write_text(_module())
        # One by one: each has its own timeout, and later ones reuse compiled packages.
        for package in (*PROGRAMS, "go.etcd.io/etcd/server/v3"):
            run(
                *("go", "build", "-C", module, "-mod=mod", "-trimpath", f"-ldflags={_stamps()}"),
                *("-o", f"{folder}/", package),
                needed_by="Kubernetes",
                CGO_ENABLED="0",
                GOFLAGS="-p=2",
            )
        (folder / "server").rename(folder / "etcd")

    return kept(f"kubernetes-{KUBERNETES}-etcd-{ETCD}", install)


def definitions() -> list[Path]:
    """Return the files that define the operators' kinds of which the chart has objects."""
    return [
        path
        for module, version, files in DEFINITIONS
        for path in sorted(source(module, version).glob(files))
    ]


def _module() -> str:
    """Return a new module, because `go install` rejects replace directives such as Kubernetes'."""
    kubernetes = source("k8s.io/kubernetes", KUBERNETES)
    own = re.findall(r"^\s*(\S+) => \./staging/", (kubernetes / "go.mod").read_text("utf-8"), re.M)
    published = KUBERNETES.replace("v1.", "v0.", 1)
    return "\n".join(
        [
            "module kubernetes",
            f"require k8s.io/kubernetes {KUBERNETES}",
            f"require go.etcd.io/etcd/server/v3 {ETCD}",
            *(f"replace {name} => {name} {published}" for name in own),
            "",
        ]
    )


def _stamps() -> str:
    """Return options for the linker that set the version of the programs."""
    major, minor, _ = KUBERNETES[1:].split(".")
    stamps = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    version = "k8s.io/component-base/version"
    return " ".join(["-s -w", *(f"-X {version}.{name}={it}" for name, it in stamps.items())])
