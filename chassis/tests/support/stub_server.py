"""A server on loopback that answers as a test says, and records its requests."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Takes method and path ("PUT /v1/…") and the body; returns status and body of the response.
Answer = Callable[[str, Any], tuple[int, Any]]


@dataclass
class StubServer:
    """The server, as a test sees it."""

    url: str
    answer: Answer
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    heard: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def stub_server(answer: Answer) -> Iterator[StubServer]:
    """Serve until the end; the answer can be replaced."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(text) if text else None
            asked = f"{self.command} {self.path}"
            found.asked.append((asked, body))
            found.heard = dict(self.headers.items())
            status, said = found.answer(asked, body)
            self.send_response(status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

        do_PUT = do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = StubServer(f"http://127.0.0.1:{server.server_port}", answer)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        server.shutdown()
