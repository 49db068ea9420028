"""The HTTP client of all tests that call a running service."""

import json
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException
from typing import Any

ORDERS = "/api/v1/orders"


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Message
    body: bytes

    @property
    def ok(self) -> bool:
        """Return whether the status is a success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body, parsed as JSON."""
        return json.loads(self.body)


class Client:
    """Sends requests to a service, by default with the usual token."""

    def __init__(self, port: int, token: str, host: str = "127.0.0.1") -> None:
        self.port = port
        self.token = token
        self.host = host

    def is_alive(self) -> bool:
        """Return whether it responds to the liveness probe."""
        try:
            return self.get("/health/live", token=None).status == 200
        except (OSError, HTTPException):
            return False

    def is_ready(self) -> bool:
        """Return whether it reports readiness."""
        try:
            return self.get("/health/ready", token=None).status == 200
        except (OSError, HTTPException):
            return False

    def get(self, path: str = ORDERS, **given: Any) -> Answer:
        """Send a GET request."""
        return self.ask("GET", path, **given)

    def post(self, body: object, path: str = ORDERS, **given: Any) -> Answer:
        """Send a POST request."""
        return self.ask("POST", path, body=body, **given)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
        token: str | None = "",
        timeout: float = 30,
    ) -> Answer:
        """Send a request on a new connection; `token=None` sends none."""
        connection = self.connect(timeout)
        try:
            connection.request(method, path, *self.request(body, headers, token))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def connect(self, timeout: float = 30) -> HTTPConnection:
        """Return a new persistent connection."""
        return HTTPConnection(self.host, self.port, timeout=timeout)

    def request(
        self,
        body: object = None,
        headers: dict[str, str] | None = None,
        token: str | None = "",
    ) -> tuple[str | None, dict[str, str]]:
        """Return the body and the headers of a request."""
        sent = dict(headers or {})
        if bearer := self.token if token == "" else token:
            sent.setdefault("Authorization", f"Bearer {bearer}")
        if body is None:
            return None, sent
        return json.dumps(body), {"Content-Type": "application/json", **sent}
