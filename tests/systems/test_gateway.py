"""The gateway of a workspace: registered services behind nginx with the rendered configuration."""

import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.http import Answer
from tests.support.issuer import Issuer
from tests.support.name_server import Names
from tests.support.rendering import TEMPLATE
from tests.support.running import Project, Service
from tests.support.servers.nginx import Gateway, gateway
from tests.support.servers.processes import wait_until
from tests.support.services import Fleet
from tests.support.verbs import make

pytestmark = pytest.mark.skipif(
    os.uname().sysname != "Linux", reason="services need several loopback addresses"
)

# All services use the same port, so each has its own address, as in Docker.
ORDERS, PAYMENTS, MIRROR, MOVED = (f"127.77.{os.getpid() % 250}.{n}" for n in range(1, 5))
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"

# Registered by hand, like any other service.
HAND_WRITTEN = "services:\n  mirror:\n    path: mirror\n"


@dataclass
class Mirror:
    """A server that returns the request, and fails as the path says."""

    address: str
    arrived: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve on its address inside the context."""
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                mirror.arrived.append(f"{self.command} {self.path}")
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if "broken" in self.path:
                    self.close_connection = True
                    return
                if "slow" in self.path:
                    time.sleep(35)
                said = {"address": mirror.address, "path": self.path, "headers": dict(self.headers)}
                body = json.dumps(said).encode()
                self.send_response(503 if "own" in self.path else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = _answer  # noqa: N815 (the base class' names)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer((self.address, 8000), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


@dataclass
class Workspace:
    """Two running services of a workspace, behind the gateway."""

    folder: Path
    names: Names
    gateway: Gateway
    services: dict[str, Service]
    mirror: Mirror

    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[Answer, Any]:
        """Send a request to the gateway, its path unchanged; return the response with its JSON."""
        connection = HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        return answer, answer.json()

    def problem(self, method: str, path: str, body: str | None = None, **headers: str) -> Any:
        """Send a request that the gateway rejects itself; return the problem."""
        answer, said = self.ask(method, path, body, **headers)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert said["status"] == answer.status
        assert set(said) == {"type", "title", "status", "detail", "instance", "code", "trace_id"}
        assert answer.headers["X-Request-ID"]
        return said

    def log(self) -> list[dict[str, Any]]:
        """Return the gateway's access log."""
        lines = self.gateway.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture(scope="module")
def workspace(nginx: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The workspace; the gateway was started before the services."""
    folder, scratch = tmp_path_factory.mktemp("workspace"), tmp_path_factory.mktemp("scratch")
    (folder / "services.yaml").write_text(HAND_WRITTEN)
    fleet = Fleet(folder)
    orders = fleet.render("orders", depends_on="payments", database="sqlite", workspace="..")
    payments = fleet.render("payments", database="sqlite", workspace="..")
    with ExitStack() as stack:
        names = stack.enter_context(Names())
        source = folder / "platform/gateway"
        proxy = stack.enter_context(gateway(nginx, source, scratch, names.address))
        issuer, mirror = stack.enter_context(Issuer()), Mirror(MIRROR)
        found = Workspace(folder, names, proxy, {}, mirror)
        wait_until(lambda: _listens(proxy.port), "nginx", 60)
        assert found.problem("GET", "/orders/api/v1/orders")["status"] == 503
        stack.enter_context(mirror.running())
        names.known["mirror"] = MIRROR
        for project, host in ((orders, ORDERS), (payments, PAYMENTS)):
            name = project.folder.name
            found.services[name] = stack.enter_context(_serve(project, host, issuer, scratch))
            names.known[name] = host
        yield found


@contextmanager
def _serve(project: Project, host: str, issuer: Issuer, scratch: Path) -> Iterator[Service]:
    name = project.folder.name
    given = {
        "DATABASE_URL": f"sqlite:///{scratch}/{name}.db",
        "PYTHONPATH": str(project.folder / "src"),
        **issuer.environment,
        "AUTH_AUDIENCE": name,
    }
    project.python("-m", project.package, "migrate", environment=given)
    token = issuer.token(aud=name, scope=f"{name}:read {name}:write")
    service = Service(project, scratch / name, given, token, port=8000, host=host)
    try:
        service.start()
        service.wait_until_ready()
        yield service
    finally:
        service.kill()


def _listens(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 404
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["orders", "payments"])
def test_every_registered_api_is_reachable(workspace: Workspace, name: str) -> None:
    token = f"Bearer {workspace.services[name].token}"
    given = {"Authorization": token, "Content_Type": "application/json"}
    path = f"/{name}/api/v1/{name}"

    created, thing = workspace.ask("POST", path, '{"name": "First"}', **given)
    assert created.status == 201
    assert created.headers["Location"] == f"{path}/{thing['id']}"
    answer, found = workspace.ask("GET", created.headers["Location"], **given)
    assert (answer.status, found["name"]) == (200, "First")
    answer, listed = workspace.ask("GET", f"{path}?limit=1", **given)
    assert (answer.status, len(listed["items"])) == (200, 1)
    refused, said = workspace.ask("GET", path)
    assert (refused.status, said["instance"]) == (401, f"/api/v1/{name}")


DRESSED_UP = """\
/
/orders
/orders/
/orders/api
/orders/api/
/orders/metrics
/orders/health/ready
/orders/docs
/orders/openapi.json
/metrics
/health/live
/payments/health/live
//orders/metrics
/orders//metrics
/orders/./metrics
/orders/api/../metrics
/orders/api/../../metrics
/orders/api/v1/../../metrics
/orders/api/v1/..
/orders/api/./../metrics
/orders/api//../metrics
/orders/api/%2e%2e/metrics
/orders/api/%2E%2E/metrics
/orders/api/.%2e/metrics
/orders/api/%2e./metrics
/orders/api/..%2fmetrics
/orders/api/%2e%2e%2fmetrics
/orders/api/..%2Fmetrics
/orders/api%2f..%2fmetrics
/orders%2fmetrics
/orders/%6detrics
/orders/api/..%5cmetrics
/orders/api/..\\metrics
/orders/api/%252e%252e/metrics
/orders/api/%252e%252e%252fmetrics
/orders/api/..;/metrics
/orders/api/..%00/metrics
/orders/api/%00/../metrics
/orders/api/%c0%ae%c0%ae/../metrics
/orders/api/v1;/../../metrics
/orders/api/v1/orders/../../../metrics
/orders/api/v1/orders/..%2f..%2f..%2fmetrics
/orders/api/.../metrics
/orders/api?/../metrics
/orders/api#/../metrics
/orders/api/v1#/../../metrics
/Orders/metrics
/ORDERS/api/v1/orders
/orders/API/v1/orders
/orders/Api/../metrics
/%6frders/api/v1/orders
/orders/%61pi/v1/orders
/orders/metrics/api/v1
/orders/health/api/live
/unknown/api/v1/orders
/default/api/v1/orders
/127.0.0.1:8000/api/v1
/orders:8000/api/v1/orders
/orders@mirror/api/v1
http://orders:8000/metrics
http://orders:8000/orders/api/../metrics
http://mirror:8000/api/v1
/problem
""".splitlines()


@pytest.mark.parametrize("path", DRESSED_UP)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_apis_are_reachable(workspace: Workspace, method: str, path: str) -> None:
    mirrored = path.replace("orders/", "mirror/").replace("/orders", "/mirror")
    before = len(workspace.mirror.arrived)
    for tried in (path, mirrored):
        assert workspace.problem(method, tried)["status"] in {400, 404}
    assert workspace.mirror.arrived[before:] == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/orders/0190163d?limit=1&cursor=%2e%2e%2f&q=/../x",
        "/api/v1/orders/",
        "/api/v1/a%20b/c.d/e~f/g:h@i/(j)",
        "/api/v1/caf%C3%A9",
    ],
)
def test_forwarded_requests_are_unchanged(workspace: Workspace, path: str) -> None:
    _, seen = workspace.ask("GET", f"/mirror{path}")
    assert seen["path"] == path


FALSE_ORIGINS = [
    "Forwarded",
    "X_Forwarded_Client_Cert",
    "X_Forwarded_For",
    "X_Forwarded_Host",
    "X_Forwarded_Port",
    "X_Forwarded_Prefix",
    "X_Forwarded_Proto",
    "X_Real_IP",
]


def test_trace_context_is_forwarded_and_forged_origins_are_not(workspace: Workspace) -> None:
    passed = {
        "Authorization": "Bearer x",
        "Idempotency_Key": "key",
        "Tracestate": "a=b",
        "Traceparent": TRACEPARENT,
        "X_Request_ID": "mine-1",
        "X_Request_Timeout_Ms": "250",
    }
    false = dict.fromkeys(FALSE_ORIGINS, "203.0.113.7")
    answer, seen = workspace.ask("GET", "/mirror/api/v1/x", **passed, **false)
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    for name, value in passed.items():
        assert headers[name.lower().replace("_", "-")] == value
    assert answer.headers.get_all("X-Request-ID") == ["mine-1"]
    assert "203.0.113.7" not in json.dumps(headers)
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-prefix"] == "/mirror"
    assert headers["x-forwarded-proto"] == "http"


@pytest.mark.parametrize("sent", [None, "", 'with "quotes"', "x" * 129, "<script>"])
def test_a_request_gets_an_id_that_is_safe_to_log(workspace: Workspace, sent: str | None) -> None:
    given = {} if sent is None else {"X_Request_ID": sent}
    answer, seen = workspace.ask("GET", "/mirror/api/v1/x", **given)
    assert answer.headers["X-Request-ID"] == seen["headers"]["X-Request-ID"]
    assert len(answer.headers["X-Request-ID"]) == 32


def test_gateway_and_service_log_the_same_ids(workspace: Workspace) -> None:
    orders = workspace.services["orders"]
    given = {"Authorization": f"Bearer {orders.token}", "Traceparent": TRACEPARENT}
    answer, _ = workspace.ask("GET", "/orders/api/v1/orders?secret=1", **given)
    made = answer.headers["X-Request-ID"]

    def logged() -> list[dict[str, Any]]:
        lines = (*workspace.log(), *orders.log())
        return [line for line in lines if line.get("request_id") == made]

    wait_until(lambda: len(logged()) > 1, "two lines", 60)
    at_gateway, inside = logged()
    assert [at_gateway["trace_id"], inside["trace_id"]] == [TRACE, TRACE]
    assert at_gateway["message"] == "GET /orders/api/v1/orders 200"
    assert at_gateway["upstream"] == f"{ORDERS}:8000"


def test_every_line_of_the_log_is_json(workspace: Workspace) -> None:
    workspace.ask("GET", '/mirror/api/v1/x?"quoted"', User_Agent='"\\')
    workspace.problem("GET", '/"x"\\')
    for line in workspace.gateway.log.read_text().splitlines():
        if not line.startswith("20"):  # nginx's own messages begin with the date
            json.loads(line)


def test_an_interrupted_response_is_a_bad_gateway(workspace: Workspace) -> None:
    said = workspace.problem("GET", "/mirror/api/v1/broken", traceparent=TRACEPARENT)
    assert (said["status"], said["code"], said["trace_id"]) == (502, "bad_gateway", TRACE)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_requests_that_may_have_arrived_are_not_retried(workspace: Workspace, method: str) -> None:
    before = len(workspace.mirror.arrived)
    for _ in range(20):
        workspace.problem(method, "/mirror/api/v1/broken", "{}")
    assert len(workspace.mirror.arrived) - before == 20


def test_errors_of_services_are_forwarded(workspace: Workspace) -> None:
    answer, seen = workspace.ask("GET", "/mirror/api/v1/own")
    assert (answer.status, seen["path"]) == (503, "/api/v1/own")


def test_a_body_that_is_too_large_is_refused(workspace: Workspace) -> None:
    token = f"Bearer {workspace.services['orders'].token}"
    given = {"Authorization": token, "Content_Type": "application/json"}
    refused, problem = workspace.ask("POST", "/orders/api/v1/orders", " " * 2**20, **given)
    assert (refused.status, problem["instance"]) == (
        400,
        "/api/v1/orders",
    )  # the service has read the body
    for size in (2**20 + 1, 11 * 2**20):
        said = workspace.problem("POST", "/orders/api/v1/orders", " " * size, **given)
        assert said["code"] == "content_too_large"


@pytest.mark.parametrize("size", [2**18, 2**19, 2**20])
def test_an_early_response_is_forwarded(workspace: Workspace, size: int) -> None:
    """The service responds and closes the connection before the body is complete."""

    def status(_: int) -> int:
        return workspace.ask("POST", "/orders/api/v1/orders", " " * size)[0].status

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(status, range(50))) == {401: 50}


@pytest.mark.parametrize(
    ("begun", "statuses"),
    [
        ("GET", {400}),
        ("GET /orders/api/\x01 HTTP/1.1", {400}),
        ("CONNECT orders:8000 HTTP/1.1", {400, 405}),
        ("POST /orders/api/v1/orders HTTP/1.1\r\nTransfer-Encoding: gzip", {501}),
        ("GET /orders/api/v1/orders HTTP/3.0", {505}),
    ],
)
def test_malformed_requests_get_a_problem(
    workspace: Workspace, begun: str, statuses: set[int]
) -> None:
    connection = HTTPConnection("127.0.0.1", workspace.gateway.port, timeout=30)
    connection.connect()
    connection.sock.sendall(f"{begun}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    with connection.sock.makefile("rb") as answer:
        text = answer.read()
    connection.close()
    assert b"<html" not in text
    assert json.loads(text.rpartition(b"\r\n\r\n")[2])["status"] in statuses


def test_a_service_with_a_new_address_is_found(workspace: Workspace) -> None:
    """It returns at another address, like a recreated container."""
    names = workspace.names
    names.known["mirror"] = MOVED
    wait_until(lambda: workspace.ask("GET", "/mirror/api/v1/x")[0].status == 503, "gone", 60)
    assert workspace.problem("GET", "/mirror/api/v1/x")["code"] == "service_unavailable"
    try:
        with Mirror(MOVED).running():
            assert workspace.ask("GET", "/mirror/api/v1/x")[1]["address"] == MOVED
    finally:
        names.known["mirror"] = MIRROR
        wait_until(lambda: workspace.ask("GET", "/mirror/api/v1/x")[0].status == 200, "back", 60)


def test_routes_follow_the_registry(workspace: Workspace) -> None:
    payments = workspace.folder / "payments"
    path = "/payments/api/v1/payments"
    try:
        make(payments, "unregister")
        wait_until(lambda: workspace.ask("GET", path)[0].status == 404, "closed", 60)
        assert workspace.ask("GET", "/orders/api/v1/orders")[0].status == 401
    finally:
        make(payments, "register")
    wait_until(lambda: workspace.ask("GET", path)[0].status == 401, "open", 60)


def test_invalid_routes_are_logged_and_change_nothing(workspace: Workspace) -> None:
    routes = workspace.folder / "platform/gateway/routes.conf"
    good, proxy = routes.read_text(), workspace.gateway
    before = proxy.children()
    try:
        routes.write_text(good)  # rewritten without a change
        replace(routes, "/orders http://orders:8000\n")
        wait_until(lambda: "cannot be used" in proxy.log.read_text(), "said", 60)
        assert "routes.conf:" in proxy.log.read_text()  # nginx names the line
        assert proxy.children() == before
        assert workspace.ask("GET", "/orders/api/v1/orders")[0].status == 401
    finally:
        replace(routes, good + "/late http://payments:8000;\n")
    path = "/late/api/v1/payments"
    wait_until(lambda: workspace.ask("GET", path)[0].status == 401, "open", 60)
    replace(routes, good)
    wait_until(lambda: workspace.ask("GET", path)[0].status == 404, "closed", 60)


def replace(file: Path, text: str) -> None:
    """Replace a file atomically, as registration does."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


@pytest.mark.parametrize("how", ["SIGTERM", "SIGQUIT", "taken along"])
def test_the_gateway_stops_all_its_processes(nginx: Path, tmp_path: Path, how: str) -> None:
    source = tmp_path / "source"
    shutil.copytree(TEMPLATE / "fleet/parts/gateway", source)
    (source / "routes.conf").write_text("")
    with gateway(nginx, source, tmp_path, "127.0.0.1") as proxy:
        wait_until(lambda: _listens(proxy.port), "nginx", 60)
        started = proxy.children()
        if how == "taken along":  # with the last service of the workspace
            shutil.rmtree(proxy.configuration)
        else:
            proxy.process.tell(signal.Signals[how])
        wait_until(proxy.process.has_ended, how, 60)
        wait_until(lambda: not any(Path("/proc", pid).exists() for pid in started), "gone", 60)


@pytest.mark.long
def test_an_unresponsive_service_times_out(workspace: Workspace) -> None:
    assert workspace.problem("GET", "/mirror/api/v1/slow")["code"] == "gateway_timeout"
