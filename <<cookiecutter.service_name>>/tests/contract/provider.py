"""The running service for the verifier to call, with an endpoint for provider states."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import Adapters

from .states import STATES

HOST = "127.0.0.1"
STATES_PATH = "/contract-states"


class Provider:
    """Serves the application, each interaction on an empty database."""

    def __init__(self, environ: Mapping[str, str], connect_empty: Callable[[], Adapters]) -> None:
        self._environ = {**environ, "LOG_LEVEL": "WARNING"}
        self._connect_empty = connect_empty
        self._adapters = connect_empty()
        self._app = create_app(self._environ, self._adapters)
        self.failed_states: dict[str, Exception] = {}

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on loopback; yield the address."""
        server = make_server(HOST, 0, Request.application(self.answer), threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            self._adapters.close()

    def answer(self, request: Request) -> Response:
        """Change the state if the request asks for one; otherwise call the application."""
        if request.path != STATES_PATH:
            return Response.from_app(self._app, request.environ)
        change = request.get_json()
        if change["action"] == "teardown":
            self._reset()
        else:
            self._set_up(change["state"], change.get("params") or {})
        return Response()

    def _set_up(self, state: str, params: dict[str, Any]) -> None:
        try:
            STATES[state](self._adapters, **params)
        except Exception as error:  # an error response would make the verifier retry for minutes
            self.failed_states[state] = error

    def _reset(self) -> None:
        self._adapters.close()
        self._adapters = self._connect_empty()
        self._app = create_app(self._environ, self._adapters)
