"""This service, really running for the verifier to ask, with adapters in memory."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import in_memory

from .states import STATES

HOST = "127.0.0.1"
# Where the verifier asks for a state: beside the service, which knows nothing of it.
STATES_PATH = "/contract-states"


class Provider:
    """Brings the service into the states that contracts name, and back."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {**environ, "LOG_LEVEL": "WARNING"}
        self.failed_states: dict[str, Exception] = {}
        self._forget()

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on loopback; the address."""
        server = make_server(HOST, 0, Request.application(self.answer), threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, request: Request) -> Response:
        """Change the state, if that is what is asked for; else answer as the service does."""
        if request.path != STATES_PATH:
            return Response.from_app(self._app, request.environ)
        wanted = request.get_json()
        if wanted["action"] == "teardown":
            self._forget()
        else:
            self._bring_about(wanted["state"], wanted.get("params") or {})
        return Response()

    def _bring_about(self, state: str, params: dict[str, Any]) -> None:
        try:
            STATES[state](self._adapters, **params)
        except Exception as error:  # refused, the verifier would ask again and again, for minutes
            self.failed_states[state] = error

    def _forget(self) -> None:
        self._adapters = in_memory()
        self._app = create_app(self._environ, self._adapters)
