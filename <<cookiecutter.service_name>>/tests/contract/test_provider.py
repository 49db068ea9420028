"""Verify the contracts of this service's consumers against the running service."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from pact import Verifier
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import connect
from << cookiecutter.__package >>.settings import SERVICE_NAME, read

from ..conftest import MakeToken
from .consumers import consumers
from .states import STATES

HOST = "127.0.0.1"


class Provider:
    """The running service; each interaction starts on an empty database."""

    def __init__(self, environ: dict[str, str], empty: Path) -> None:
        self._environ = environ | {"LOG_LEVEL": "WARNING"}
        self._empty = empty
        self.problems: list[str] = []
        self._start()

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on loopback; yield the address."""
        application = Request.application(lambda r: Response.from_app(self._app, r.environ))
        server = make_server(HOST, 0, application, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            self._adapters.close()

    def change_state(self, state: str, action: str, parameters: dict[str, Any] | None) -> None:
        """Set up a state before an interaction, and restart on an empty database after it."""
        if action == "teardown":
            self._adapters.close()
            self._start()
        elif state not in STATES:
            self.problems.append(f"needs the state '{state}'. Add it to tests/contract/states.py.")
        else:
            try:
                STATES[state](self._adapters, **parameters or {})
            except Exception as error:  # if it propagated, the verifier would retry for minutes
                self.problems.append(f"needs the state '{state}'. It fails: {error!r}.")

    def _start(self) -> None:
        copyfile(self._empty, self._environ["DATABASE_URL"].removeprefix("sqlite:///"))
        self._adapters = connect(read(self._environ))
        self._app = create_app(self._environ, self._adapters)


def test_contracts_are_met(environ: dict[str, str], migrated: Path, make_token: MakeToken) -> None:
    broken: list[str] = []
    for consumer, add_source in consumers():
        provider = Provider(environ, migrated)
        with provider.serve() as address:
            verifier = Verifier(SERVICE_NAME, host=HOST).add_transport(url=address)
            verifier.state_handler(provider.change_state, teardown=True)
            # The verifier calls as the consumer, which the policy must allow.
            token = make_token(client_id=consumer, sub=consumer)
            verifier.add_custom_header("Authorization", f"Bearer {token}")
            verifier.set_error_on_empty_pact(enabled=False)
            add_source(verifier)
            broken += verify(verifier)
        broken += [f"{consumer} {problem}" for problem in provider.problems]

    if broken:
        pytest.fail("\n".join(broken), pytrace=False)


def verify(verifier: Verifier) -> list[str]:
    """Return a line for each interaction that fails."""
    try:
        verifier.verify()
    except RuntimeError as error:
        return [describe(each) for each in verifier.results["errors"]] or [str(error)]
    return []


def describe(error: dict[str, Any]) -> str:
    """Return what differs in an interaction, on one line."""
    mismatch = error["mismatch"]
    texts = [each["mismatch"] for each in mismatch.get("mismatches", [])] or [mismatch["message"]]
    return f"{error['interaction']}: {'; '.join(texts)}"
