"""Two services in a new workspace, each on its embedded database: a request to each, and between them.

Nothing is left behind: the workspace is a temporary folder, and both services are stopped.
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
SERVICES = {"payments": "", "orders": "payments"}  # and what each depends on
# The services' environment: what belongs to this run is none of theirs. In CI a new service would
# have to have its uv.lock already.
OURS = ("CI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in OURS}
PATIENCE_SECONDS = 300  # the first start installs what a service needs

# What a use case of orders would do, with the client that its composition root makes.
ASK = """
import os, sys, uuid
from orders import bootstrap, settings

adapters = bootstrap.connect(settings.read(os.environ))
print(repr(adapters.clients.payments.get(uuid.UUID(sys.argv[1]))))
"""


def main() -> None:
    """Make the workspace, start what is in it, call it."""
    workspace = Path(tempfile.mkdtemp(prefix="workspace-"))
    try:
        with ExitStack() as running:
            for name, peers in SERVICES.items():
                generate(workspace, name, peers)
            say("services.yaml in the workspace")
            print((workspace / "services.yaml").read_text(), end="")
            addresses = {
                name: running.enter_context(serving(workspace / name)) for name in SERVICES
            }
            tokens = {name: make(workspace / name, "token") for name in SERVICES}
            created = {name: call(name, addresses[name], tokens[name]) for name in SERVICES}
            token_url = running.enter_context(identity(tokens))
            ask(workspace / "orders", created["payments"], addresses["payments"], token_url)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def generate(workspace: Path, name: str, peers: str) -> None:
    """Answer the template's questions."""
    answers = [f"service_name={name}", f"depends_on={peers}"]
    say(f"cookiecutter {' '.join(answers)}")
    command = ["cookiecutter", str(TEMPLATE), "--no-input", "--output-dir", str(workspace)]
    subprocess.run([*command, *answers], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def serving(service: Path) -> Iterator[str]:
    """Run a service until the block is left, on a port that nobody has; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    say(f"make run PORT={port}   # in {service.name}")
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
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not ready(address):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    sys.exit(f"{service.name} did not start:\n{log.read()}")
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()  # make tells the service, and waits until it has ended
            process.wait()


def ready(address: str) -> bool:
    """Tell whether the service says that it is."""
    try:
        with urlopen(f"{address}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (HTTPError, URLError, ConnectionError, TimeoutError):
        return False


def call(name: str, address: str, token: str) -> str:
    """Create something in a service, and show what it answers; its id."""
    url = f"{address}/api/v1/{name}"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    say(f"POST {url}")
    with urlopen(Request(url, json.dumps({"name": "First"}).encode(), headers)) as answer:
        created = json.load(answer)
        print(answer.status, json.dumps(created, indent=2))
        return str(created["id"])


@contextmanager
def identity(tokens: dict[str, str]) -> Iterator[str]:
    """Stand in for the workspace's identity provider, which takes Node.js; the address of its tokens.

    Whoever asks gets the token that `make token` printed in the service asked for.
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
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()


def ask(orders: Path, payment: str, address: str, token_url: str) -> None:
    """Let orders ask payments for what was created there, with a token of its own."""
    given = {
        "PAYMENTS_URL": address,
        "AUTH_TOKEN_URL": token_url,
        "AUTH_CLIENT_ID": "orders",
        "AUTH_CLIENT_SECRET": "development-only",
    }
    say(f"adapters.clients.payments.get({payment!r})   # in {orders.name}")
    command = [str(orders / ".venv/bin/python"), "-c", ASK, payment]
    subprocess.run(command, cwd=orders, env={**ENVIRONMENT, **given}, check=True)


def make(service: Path, verb: str) -> str:
    """Use a verb of a service; what it prints."""
    done = subprocess.run(
        ["make", "--no-print-directory", verb],
        cwd=service,
        env=ENVIRONMENT,
        check=True,
        stdout=subprocess.PIPE,
    )
    return done.stdout.decode().strip()


def say(what: str) -> None:
    """Head what comes next, in the order in which it happens."""
    print(f"\n== {what}", flush=True)


if __name__ == "__main__":
    main()
