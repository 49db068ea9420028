"""Create two services in a temporary workspace, call each, and call one from the other.

Each uses its embedded database. At the end, both services are stopped and the workspace is removed.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

TEMPLATE = Path(__file__).resolve().parents[1]
SERVICES = {"payments": "", "orders": "payments"}  # name: depends_on
# Variables that services must not inherit. With CI set, a new service would need a uv.lock.
NOT_INHERITED = ("CI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
START_TIMEOUT_SECONDS = 300  # the first start installs the dependencies

# What a use case of orders would do, with the client from its composition root.
GET_PAYMENT = """
import os, sys, uuid
from orders import bootstrap, settings

adapters = bootstrap.connect(settings.read(os.environ))
print(repr(adapters.clients.payments.get(uuid.UUID(sys.argv[1]))))
"""


def main() -> None:
    """Create the services, start them, and call them."""
    workspace = Path(tempfile.mkdtemp(prefix="workspace-"))
    try:
        with ExitStack() as running:
            for name, peers in SERVICES.items():
                generate(workspace, name, peers)
            heading("services.yaml in the workspace")
            print((workspace / "services.yaml").read_text(), end="")
            addresses = {
                name: running.enter_context(serving(workspace / name)) for name in SERVICES
            }
            tokens = {name: make(workspace / name, "token") for name in SERVICES}
            created = {name: call(name, addresses[name], tokens[name]) for name in SERVICES}
            token_url = running.enter_context(identity_provider(tokens))
            call_peer(workspace / "orders", created["payments"], addresses["payments"], token_url)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def generate(workspace: Path, name: str, peers: str) -> None:
    """Render a service into the workspace."""
    answers = [f"service_name={name}", f"depends_on={peers}"]
    heading(f"cookiecutter {' '.join(answers)}")
    command = ["cookiecutter", str(TEMPLATE), "--no-input", "--output-dir", str(workspace)]
    subprocess.run([*command, *answers], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def serving(service: Path) -> Iterator[str]:
    """Run a service on a free port inside the context; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    heading(f"make run PORT={port}   # in {service.name}")
    with (service.parent / f"{service.name}.log").open("w+") as log:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=service,
            env={**ENVIRONMENT, "PORT": str(port), "SHUTDOWN_DRAIN_SECONDS": "0"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while not ready(address):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    sys.exit(f"{service.name} did not start:\n{log.read()}")
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()  # make forwards the signal and waits for the service
            process.wait()


def ready(address: str) -> bool:
    """Return whether the service reports readiness."""
    try:
        with urlopen(f"{address}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (HTTPError, URLError, ConnectionError, TimeoutError):
        return False


def call(name: str, address: str, token: str) -> str:
    """Create a resource in a service, print the response, and return the id."""
    url = f"{address}/api/v1/{name}"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    heading(f"POST {url}")
    with urlopen(Request(url, json.dumps({"name": "First"}).encode(), headers)) as answer:
        created = json.load(answer)
        print(answer.status, json.dumps(created, indent=2))
        return str(created["id"])


@contextmanager
def identity_provider(tokens: dict[str, str]) -> Iterator[str]:
    """Run a stub of the workspace's identity provider, which needs Node.js; yield its token endpoint.

    It returns the token that `make token` printed in the service that is the audience.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            token = tokens[form["audience"][0]]
            body = {"access_token": token, "token_type": "Bearer", "expires_in": 600}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()


def call_peer(orders: Path, payment: str, address: str, token_url: str) -> None:
    """Call payments from orders, for the resource that was created there."""
    variables = {
        "PAYMENTS_URL": address,
        "AUTH_TOKEN_URL": token_url,
        "AUTH_CLIENT_ID": "orders",
        "AUTH_CLIENT_SECRET": "development-only",
    }
    heading(f"adapters.clients.payments.get({payment!r})   # in {orders.name}")
    command = [str(orders / ".venv/bin/python"), "-c", GET_PAYMENT, payment]
    subprocess.run(command, cwd=orders, env={**ENVIRONMENT, **variables}, check=True)


def make(service: Path, target: str) -> str:
    """Run a make target of a service and return its output."""
    done = subprocess.run(
        ["make", "--no-print-directory", target],
        cwd=service,
        env=ENVIRONMENT,
        check=True,
        stdout=subprocess.PIPE,
    )
    return done.stdout.decode().strip()


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    main()
