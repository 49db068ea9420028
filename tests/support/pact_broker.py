"""A stub of a Pact Broker: it stores contracts, records requests and verifies nothing.

Its responses are what the verifier and the broker's client need. The semantics of selectors,
branches and environments are not implemented.
"""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A received request."""

    method: str
    path: str
    authorization: str | None
    body: Any


@dataclass
class Broker:
    """The stored contracts and received requests."""

    url: str = ""
    contracts: dict[str, dict[str, Any]] = field(default_factory=dict)  # consumer/provider
    asked: list[Asked] = field(default_factory=list)

    def bodies(self, path: str) -> list[Any]:
        """Return the bodies of requests whose path begins with a prefix."""
        return [each.body for each in self.asked if each.path.startswith(path) and each.body]

    def answer(self, asked: Asked) -> dict[str, Any]:
        """Respond to a request, in HAL."""
        match asked.path.strip("/").split("/"):
            case ["contracts", "publish"]:
                return self._publish(asked.body)
            case ["pacts", "provider", provider, "latest"]:
                return {"_links": {"pb:pacts": self._links(provider)}}
            case ["pacts", "provider", provider, "for-verification"]:
                return self._for_verification(provider)
            case ["contract", consumer, provider]:
                return self._contract(consumer, provider)
            case ["pacticipants", name]:
                versions = f"pacticipants/{name}/branches/{{branch}}/versions/{{version}}"
                return {"_links": {"pb:branch-version": self._link(versions)}}
            case ["pacticipants", _, "versions", _]:
                record = self._link("deployed/staging", name="staging")
                return {"_links": {"pb:record-deployment": [record]}}
            case [matrix] if matrix.startswith("matrix?"):
                summary = {
                    "deployable": True,
                    "reason": "",
                    "success": 1,
                    "failed": 0,
                    "unknown": 0,
                }
                return {"summary": summary, "notices": [], "matrix": []}
            case _:
                return self._index()

    def _index(self) -> dict[str, Any]:
        paths = {
            "pb:publish-contracts": "contracts/publish",
            "pb:provider-pacts-for-verification": "pacts/provider/{provider}/for-verification",
        }
        return {"_links": {name: self._link(path) for name, path in paths.items()}}

    def _publish(self, body: Any) -> dict[str, Any]:
        for each in body["contracts"]:
            name = f"{each['consumerName']}/{each['providerName']}"
            self.contracts[name] = json.loads(b64decode(each["content"]))
        return {"notices": [], "_links": {"pb:contracts": []}}

    def _for_verification(self, provider: str) -> dict[str, Any]:
        about: dict[str, Any] = {
            "shortDescription": "latest",
            "verificationProperties": {"pending": False, "notices": []},
        }
        pacts = [about | {"_links": {"self": link}} for link in self._links(provider)]
        here = self._link(f"pacts/provider/{provider}/for-verification")
        return {"_embedded": {"pacts": pacts}, "_links": {"self": here}}

    def _contract(self, consumer: str, provider: str) -> dict[str, Any]:
        links = {
            "pb:provider": self._link(f"pacticipants/{provider}", name=provider),
            "pb:publish-verification-results": self._link(f"results/{consumer}"),
        }
        return self.contracts[f"{consumer}/{provider}"] | {"_links": links}

    def _links(self, provider: str) -> list[dict[str, Any]]:
        names = [name.split("/") for name in self.contracts]
        return [self._link(f"contract/{c}/{p}", name=c) for c, p in names if p == provider]

    def _link(self, path: str, **more: str) -> dict[str, Any]:
        return {"href": f"{self.url}/{path}", "templated": "{" in path, **more}


@contextmanager
def standing_in() -> Iterator[Broker]:
    """Serve on loopback inside the context."""
    broker = Broker()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            body = json.loads(text) if text else None
            asked = Asked(self.command, self.path, self.headers["Authorization"], body)
            broker.asked.append(asked)
            content = json.dumps(broker.answer(asked)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/hal+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 (the base class's names)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    broker.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield broker
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
