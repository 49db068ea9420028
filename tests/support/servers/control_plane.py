"""Kubernetes' control plane: etcd, API server, controllers and scheduler, and a node that is played."""

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
    """A command failed; says what it said."""


@dataclass(frozen=True)
class Namespace:
    """One namespace, and what programs need to work in it.

    Attributes:
        name: its name.
        environment: of programs; kubectl and Helm go here with it.
    """

    name: str
    environment: dict[str, str] = field(repr=False)

    def run(self, *command: str | Path, given: str = "", **more: str) -> str:
        """Run a command and give all that it says.

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
        """Run kubectl, to which a warning of the API server is an error."""
        return self.run("kubectl", "--warnings-as-errors", *arguments, given=given)

    def get(self, *what: str) -> Object:
        """Give an object, or all of a kind."""
        found: Object = json.loads(self.kubectl("get", *what, "--output=json"))
        return found

    def names(self, kinds: str) -> list[str]:
        """Give the names of all objects of some kinds."""
        return sorted(it["metadata"]["name"] for it in self.get(kinds)["items"])


@dataclass(frozen=True)
class ControlPlane:
    """A running one.

    Attributes:
        programs: where its programs are.
        folder: where it keeps what it needs.
        url: where its API is.
    """

    programs: Path
    folder: Path
    url: str

    @property
    def certificate(self) -> Path:
        """What its API server shows; it has signed it itself."""
        return self.folder / "certificates" / "apiserver.crt"

    def namespace(self, name: str, *programs: Path) -> Namespace:
        """Make a namespace; more programs that are found in it are in these folders."""
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
        """Write how programs reach the API, for those that work in a namespace."""
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
    """Run one that knows the kinds that these files and objects define beside its own."""
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
        """Start the API server, and what it keeps its objects in."""
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
            # The node is as ready as it says.
            "--disable-admission-plugins=TaintNodesByCondition",
        )
        server.wait_until(self._is_ready, "Kubernetes' API server", 180)

    def controllers(self) -> None:
        """Start what acts on the objects."""
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
        # Not stopped in good order: nothing is kept, and the server would wait for who watches.
        self.running.callback(process.kill)
        return process


def _write_key(path: Path) -> None:
    """Write the key that tokens of service accounts are signed with."""
    key = rsa.generate_private_key(65537, 2048)
    form = (Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    path.write_bytes(key.private_bytes(*form))
