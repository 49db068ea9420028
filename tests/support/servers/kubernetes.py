"""The part of the Kubernetes API that a controller needs: objects and watches, in memory.

It accepts any object, validates nothing and runs nothing. The status reports at once what a cluster
would have done: all pods of a ReplicaSet are available, a Job has ended. Two callables decide which
ones fail.
"""

import copy
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]

# The kinds that controllers use, by their names in paths.
KINDS = {
    "analysisruns": "AnalysisRun",
    "analysistemplates": "AnalysisTemplate",
    "clusteranalysistemplates": "ClusterAnalysisTemplate",
    "configmaps": "ConfigMap",
    "events": "Event",
    "experiments": "Experiment",
    "ingresses": "Ingress",
    "jobs": "Job",
    "pods": "Pod",
    "replicasets": "ReplicaSet",
    "rollouts": "Rollout",
    "secrets": "Secret",
    "services": "Service",
}


class ApiError(Exception):
    """A response other than success."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Path:
    """The location of an object, or of all objects of a kind."""

    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    @classmethod
    def parse(cls, path: str) -> "Path":
        """Return the parsed path of a request; a subresource is treated as the object."""
        parts = path.strip("/").split("/")
        length = 2 if parts[0] == "api" else 3
        group, rest = "/".join(parts[1:length]), parts[length:]
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        if rest[0] not in KINDS:
            raise ApiError(404, "NotFound")
        return cls(group, rest[0], namespace, rest[1] if len(rest) > 1 else "")

    def holds(self, other: "Path") -> bool:
        """Return whether an object is in this location."""
        return (self.group, self.resource) == (other.group, other.resource) and (
            self.namespace in ("", other.namespace)
        )


@dataclass
class Store:
    """All objects, and all events.

    Attributes:
        available: whether the pods of a ReplicaSet become ready.
        completes: whether a Job succeeds.
    """

    available: Callable[[Object], bool] = lambda _: True
    completes: Callable[[Object], bool] = lambda _: True
    objects: dict[Path, Object] = field(default_factory=dict)
    events: list[tuple[Path, str, Object]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def get(self, path: Path) -> Object:
        """Return an object.

        Raises:
            ApiError: it does not exist.
        """
        with self.changed:
            if path not in self.objects:
                raise ApiError(404, "NotFound")
            return copy.deepcopy(self.objects[path])

    def all(self, path: Path) -> tuple[list[Object], int]:
        """Return the objects of a kind, and the resource version of the list."""
        with self.changed:
            found = [it for at, it in self.objects.items() if path.holds(at)]
            return copy.deepcopy(found), len(self.events)

    def create(self, path: Path, it: Object) -> Object:
        """Store a new object.

        Raises:
            ApiError: an object of this name exists.
        """
        with self.changed:
            metadata = it.setdefault("metadata", {})
            metadata.setdefault("name", f"{metadata.get('generateName', '')}{uuid.uuid4().hex[:5]}")
            path = Path(path.group, path.resource, path.namespace, metadata["name"])
            if path in self.objects:
                raise ApiError(409, "AlreadyExists")
            it |= {"apiVersion": path.group, "kind": KINDS[path.resource]}
            metadata |= {
                "namespace": path.namespace,
                "uid": str(uuid.uuid4()),
                "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "generation": 1,
            }
            return self._written("ADDED", path, it)

    def update(self, path: Path, change: Callable[[Object], Object]) -> Object:
        """Replace an object by the result of a change.

        Raises:
            ApiError: it does not exist, or the change is based on an older version.
        """
        with self.changed:
            before = self.get(path)
            after = change(copy.deepcopy(before))
            version = after["metadata"].get("resourceVersion")
            if version not in (None, before["metadata"]["resourceVersion"]):
                raise ApiError(409, "Conflict")
            if after == before:
                return after
            if after.get("spec") != before.get("spec"):
                after["metadata"]["generation"] = before["metadata"]["generation"] + 1
            return self._written("MODIFIED", path, after)

    def delete(self, path: Path) -> Object:
        """Remove an object.

        Raises:
            ApiError: it does not exist.
        """
        with self.changed:
            it = self.get(path)
            del self.objects[path]
            self._tell("DELETED", path, it)
            return it

    def _written(self, what: str, path: Path, it: Object) -> Object:
        if path.resource == "replicasets":
            it["status"] = self._pods(it)
        if path.resource == "jobs":
            ended = "Complete" if self.completes(it) else "Failed"
            it["status"] = {"conditions": [{"type": ended, "status": "True"}]}
        self._tell(what, path, it)
        self.objects[path] = it
        return copy.deepcopy(it)

    def _tell(self, what: str, path: Path, it: Object) -> None:
        it["metadata"]["resourceVersion"] = str(len(self.events) + 1)
        self.events.append((path, what, copy.deepcopy(it)))
        self.changed.notify_all()

    def _pods(self, it: Object) -> Object:
        replicas = it["spec"].get("replicas", 1)
        ready = replicas if self.available(it) else 0
        return {
            "replicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": it["metadata"]["generation"],
        }


def merged(into: Any, patch: Any) -> Any:
    """Return the result of a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(into) if isinstance(into, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def patched(into: Object, operations: list[Object]) -> Object:
    """Return the result of a JSON patch (RFC 6902) that adds, replaces or removes members."""
    for operation in operations:
        *parents, last = (
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        )
        place = into
        for part in parents:
            place = place.setdefault(part, {})
        if operation["op"] == "remove":
            place.pop(last, None)
        else:
            place[last] = operation["value"]
    return into


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store
    pages: dict[str, Callable[[dict[str, str]], Object]]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if url.path == "/version":
            self._answer(200, {"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
        elif url.path in ("/api", "/apis"):
            self._answer(200, {"kind": "APIGroupList", "versions": ["v1"], "groups": []})
        elif query.get("watch") in ("true", "1"):
            self._watch(Path.parse(url.path), int(query.get("resourceVersion") or 0))
        else:
            self._do(lambda path, _: self.store.get(path) if path.name else self._list(path))

    def do_POST(self) -> None:
        page = self.pages.get(urlsplit(self.path).path)
        if page:
            form = parse_qs(self._body().decode())
            self._answer(200, page({name: values[-1] for name, values in form.items()}))
        else:
            self._do(self.store.create, status=201)

    def do_PUT(self) -> None:
        self._do(lambda path, body: self.store.update(path, lambda _: body))

    def do_PATCH(self) -> None:
        apply = patched if "json-patch" in self.headers["Content-Type"] else merged
        self._do(lambda path, body: self.store.update(path, lambda it: apply(it, body)))

    def do_DELETE(self) -> None:
        self._do(lambda path, _: self.store.delete(path))

    def _do(self, act: Callable[[Path, Any], Object], status: int = 200) -> None:
        body = self._body()
        try:
            path = Path.parse(urlsplit(self.path).path)
            self._answer(status, act(path, json.loads(body) if body else None))
        except ApiError as error:
            reason = {"reason": error.reason, "message": f"{error.reason}: {self.path}"}
            answer = {"kind": "Status", "apiVersion": "v1", "status": "Failure", **reason}
            self._answer(error.status, {**answer, "code": error.status})

    def _list(self, path: Path) -> Object:
        items, version = self.store.all(path)
        metadata = {"resourceVersion": str(version)}
        kind = f"{KINDS[path.resource]}List"
        return {"apiVersion": path.group, "kind": kind, "metadata": metadata, "items": items}

    def _watch(self, path: Path, since: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        seen = since
        while not self.server.ending.is_set():  # type: ignore[attr-defined]
            with self.store.changed:
                if seen == len(self.store.events):
                    self.store.changed.wait(1)
                news = self.store.events[seen:]
                seen += len(news)
            for at, what, it in news:
                if path.holds(at):
                    line = json.dumps({"type": what, "object": it})
                    self.wfile.write(line.encode() + b"\n")
            self.wfile.flush()

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: Object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name)
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Ignore clients that disconnect during a watch."""


@contextmanager
def kubernetes(store: Store, pages: dict[str, Callable[[dict[str, str]], Object]]) -> Iterator[str]:
    """Serve a store, and other pages that accept forms; yield the address."""
    handler = type("Handler", (_Handler,), {"store": store, "pages": pages})
    server = _Server(("127.0.0.1", 0), handler)
    server.ending = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.ending.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()
        server.server_close()
