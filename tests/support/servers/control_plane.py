"""Kubernetes' control plane: etcd, API server, controllers, scheduler, and a simulated node."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .node import Api, node
from .processes import Process, free_port

Object = dict[str, Any]

TOKEN = "test-only"


class CommandError(Exception):
    """A command failed; the message has its output."""


@dataclass(frozen=True)
class Namespace:
    """A namespace, and the environment for programs that use it.

    Attributes:
        name: its name.
        environment: the environment for kubectl and Helm.
    """

    name: str
    environment: dict[str, str] = field(repr=False)

    def run(self, *command: str | Path, given: str = "", **more: str) -> str:
        """Run a command and return its output.

        Raises:
            CommandError: it failed.
        """
        done = subprocess.run(
            command,
            env={**self.environment, **more},
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        if done.returncode:
            raise CommandError(done.stdout)
        return done.stdout

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """Run kubectl; warnings of the API server are errors."""
        return self.run("kubectl", "--warnings-as-errors", *arguments, given=given)

    def get(self, *what: str) -> Object:
        """Return an object, or all of a kind."""
        found: Object = json.loads(self.kubectl("get", *what, "--output=json"))
        return found

    def names(self, kinds: str) -> list[str]:
        """Return the names of all objects of some kinds."""
        return sorted(it["metadata"]["name"] for it in self.get(kinds)["items"])


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane.

    Attributes:
        programs: the folder of its programs.
        folder: the folder of its files.
        url: the address of its API.
    """

    programs: Path
    folder: Path
    url: str

    @property
    def certificate(self) -> Path:
        """Return the self-signed certificate of its API server."""
        return self.folder / "certificates" / "apiserver.crt"

    def namespace(self, name: str, *programs: Path) -> Namespace:
        """Return a new namespace; its PATH includes these folders."""
        made = self._within(name, *programs)
        made.kubectl("create", "namespace", name)
        return made

    def _within(self, name: str, *programs: Path) -> Namespace:
        home = self.folder / "homes" / name
        home.mkdir(parents=True, exist_ok=True)
        found = [*programs, self.programs, os.environ["PATH"]]
        environment = {
            "PATH": os.pathsep.join(map(str, found)),
            "HOME": str(home),
            "KUBECONFIG": str(self.kubeconfig(name)),
        }
        return Namespace(name, environment)

    def kubeconfig(self, namespace: str) -> Path:
        """Write the kubeconfig for a namespace, and return its path."""
        path = self.folder / f"{namespace}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.certificate)}
        context = {"cluster": "test", "user": "test", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": context}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(config))
        return path


@contextmanager
def control_plane(
    programs: Path, files: Sequence[Path], definitions: Sequence[Object]
) -> Iterator[ControlPlane]:
    """Run a control plane that also has the kinds that these files and objects define."""
    with tempfile.TemporaryDirectory(prefix="control-plane-") as folder, ExitStack() as running:
        port = free_port()
        plane = ControlPlane(programs, Path(folder), f"https://127.0.0.1:{port}")
        start = _Starter(plane, running)
        start.api(port)
        default = plane._within("default")
        default.kubectl("create", *(f"--filename={path}" for path in files))
        default.kubectl("create", "--filename=-", given=yaml.safe_dump_all(definitions))
        default.kubectl(
            *("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"),
        )
        start.controllers()
        api = Api(plane.url, TOKEN, plane.certificate)
        running.enter_context(node(api, plane.certificate, plane.certificate.with_suffix(".key")))
        yield plane


@dataclass(frozen=True)
class _Starter:
    plane: ControlPlane
    running: ExitStack

    def api(self, port: int) -> None:
        """Start the API server and its etcd."""
        folder = self.plane.folder
        clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self(
            "etcd",
            f"--data-dir={folder}/data",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )
        _write_key(folder / "key.pem")
        (folder / "tokens.csv").write_text(f"{TOKEN},test,test,system:masters\n")
        server = self(
            "kube-apiserver",
            f"--etcd-servers={clients}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={self.plane.certificate.parent}",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--token-auth-file={folder}/tokens.csv",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder}/key.pem",
            f"--service-account-signing-key-file={folder}/key.pem",
            # The simulated node reports its own readiness.
            "--disable-admission-plugins=TaintNodesByCondition",
        )
        server.wait_until(self._is_ready, "Kubernetes' API server", 180)

    def controllers(self) -> None:
        """Start the controllers and the scheduler."""
        config = self.plane.kubeconfig("kube-system")
        common = (f"--kubeconfig={config}", "--leader-elect=false", "--secure-port=0")
        self(
            "kube-controller-manager",
            *common,
            f"--service-account-private-key-file={self.plane.folder}/key.pem",
            f"--root-ca-file={self.plane.certificate}",
            "--controllers=*,-node-lifecycle-controller",
        )
        self("kube-scheduler", *common)

    def _is_ready(self) -> bool:
        try:
            return self.plane._within("kube-system").kubectl("get", "--raw=/readyz") == "ok"
        except CommandError:
            return False

    def __call__(self, program: str, *options: str) -> Process:
        command = [str(self.plane.programs / program), *options]
        process = Process(command, log=self.plane.folder / f"{program}.log")
        process.start()
        # Killed, because nothing is kept and a graceful stop would wait for watchers.
        self.running.callback(process.kill)
        return process


def _write_key(path: Path) -> None:
    """Write the key that signs tokens of service accounts."""
    key = rsa.generate_private_key(65537, 2048)
    form = (Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    path.write_bytes(key.private_bytes(*form))
