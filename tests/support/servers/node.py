"""A simulated node of a cluster: it reports what a kubelet would report, and runs no pods.

Every assigned pod becomes ready, or succeeds if it is one that ends. Words in the name of its image
change this. The log of a pod is one line.
"""

import http.client
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Object = dict[str, Any]

# Words in the name of an image, and the behaviour of its pods.
NEVER_READY, MIGRATION_FAILS, SMOKE_FAILS = "never-ready", "migration-fails", "smoke-fails"
FAILS = {"migrate": MIGRATION_FAILS, "smoke": SMOKE_FAILS}

NAME = "node"
NODES = "/api/v1/nodes"
PODS = f"/api/v1/pods?fieldSelector=spec.nodeName={NAME}"


@dataclass(frozen=True)
class Api:
    """The part of an API client that a kubelet needs.

    Attributes:
        url: the address of the API server.
        token: the token of requests.
        authority: the file with the server's certificate.
    """

    url: str
    token: str
    authority: Path

    def __call__(self, method: str, path: str, body: Object | None = None) -> Object:
        """Send a request and return the response; patches contain the changes only."""
        with self._open(method, path, body, 30) as answer:
            found: Object = json.load(answer)
        return found

    def watch(self, path: str) -> Iterator[Object]:
        """Yield the existing objects, then each changed one, until the server ends the watch."""
        with self._open("GET", f"{path}&watch=true", None, None) as lines:
            for line in lines:
                yield json.loads(line)["object"]

    def _open(self, method: str, path: str, body: Object | None, timeout: float | None) -> Any:
        kind = "merge-patch+json" if method == "PATCH" else "json"
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": f"application/{kind}",
            },
        )
        trusted = ssl.create_default_context(cafile=self.authority)
        return urllib.request.urlopen(request, timeout=timeout, context=trusted)


@contextmanager
def node(api: Api, certificate: Path, key: Path) -> Iterator[None]:
    """Simulate a node until the API server stops; it serves logs over https."""
    logs = ThreadingHTTPServer(("127.0.0.1", 0), _Logs)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    logs.socket = context.wrap_socket(logs.socket, server_side=True)
    logs.daemon_threads = True
    threads = [
        threading.Thread(target=logs.serve_forever, daemon=True),
        threading.Thread(target=_play, args=[api], daemon=True),
    ]
    api("POST", NODES, _node())
    api("PATCH", f"{NODES}/{NAME}/status", {"status": _node_status(logs.server_port)})
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        logs.shutdown()
        logs.server_close()


def _play(api: Api) -> None:
    with suppress(OSError, http.client.HTTPException):  # the server was stopped
        while True:
            for pod in api.watch(PODS):
                with suppress(urllib.error.HTTPError):  # it was changed in the meantime
                    _meet(api, pod)


def _meet(api: Api, pod: Object) -> None:
    """Do the next step for a pod."""
    about = pod["metadata"]
    path = f"/api/v1/namespaces/{about['namespace']}/pods/{about['name']}"
    if "deletionTimestamp" in about:
        api("DELETE", path, {"gracePeriodSeconds": 0})
    elif pod["status"]["phase"] == "Pending":
        api("PATCH", f"{path}/status", {"status": _status(pod)})


def _status(pod: Object) -> Object:
    """Return the next status of a pod."""
    containers = pod["spec"]["containers"]
    phase = _phase(pod["spec"]["restartPolicy"], containers[0]["name"], containers[0]["image"])
    ready = phase == "Running" and NEVER_READY not in containers[0]["image"]
    conditions = {"Initialized": True, "ContainersReady": ready, "Ready": ready}
    return {
        "phase": phase,
        "startTime": _now(),
        "hostIP": "127.0.0.1",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [*pod["status"].get("conditions", []), *_conditions(conditions)],
        "containerStatuses": [
            {"name": it["name"], "image": it["image"], "imageID": "", "restartCount": 0}
            | {"ready": ready, "started": ready, "state": _state(phase)}
            for it in containers
        ],
    }


def _phase(restarts: str, container: str, image: str) -> str:
    if restarts != "Never":
        return "Running"
    return "Failed" if FAILS[container] in image else "Succeeded"


def _state(phase: str) -> Object:
    if phase == "Running":
        return {"running": {"startedAt": _now()}}
    code = int(phase == "Failed")
    return {"terminated": {"exitCode": code, "startedAt": _now(), "finishedAt": _now()}}


def _node() -> Object:
    labels = {"kubernetes.io/hostname": NAME, "topology.kubernetes.io/zone": "zone"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME, "labels": labels}}


def _node_status(port: int) -> Object:
    room = {"cpu": "100", "memory": "100Gi", "ephemeral-storage": "100Gi", "pods": "500"}
    return {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "capacity": room,
        "allocatable": room,
        "conditions": _conditions({"Ready": True}),
    }


def _conditions(those: dict[str, bool]) -> list[Object]:
    return [
        {"type": name, "status": str(status), "lastTransitionTime": _now()}
        for name, status in those.items()
    ]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Logs(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"This is a node that runs nothing.\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name)
        """Log nothing."""
