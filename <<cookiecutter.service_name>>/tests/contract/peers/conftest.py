"""Shared fixtures of consumer tests: clients of the running service, and the contract files."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from pact import Pact

from << cookiecutter.__package >> import bootstrap
from << cookiecutter.__package >>.adapters.peers import Clients
from << cookiecutter.__package >>.chassis.peers import TokenSource
from << cookiecutter.__package >>.settings import SERVICE_NAME, read

from ..consumers import FOLDER

Served = Callable[[], AbstractContextManager[Clients]]


@pytest.fixture(scope="module")
def drafts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for a module's contract, which `make contract` publishes if all tests pass."""
    folder = tmp_path_factory.mktemp("drafts")
    failed = request.session.testsfailed
    yield folder
    if "CONTRACTS" in os.environ and request.session.testsfailed == failed:
        for draft in folder.iterdir():
            _publish(draft)


def _publish(draft: Path) -> None:
    """Replace the previous contract atomically."""
    contract = json.loads(draft.read_text("utf-8"))
    del contract["metadata"]["pactRust"]  # a tool update must not change the contract
    # Names of services contain no dot, so the file name is unambiguous.
    name = f"{contract['consumer']['name']}.{contract['provider']['name']}.json"
    FOLDER.mkdir(parents=True, exist_ok=True)
    new = FOLDER / f".{name}.new"
    new.write_text(json.dumps(contract, indent=2) + "\n", "utf-8")
    new.replace(FOLDER / name)


@pytest.fixture
def pact(request: pytest.FixtureRequest, drafts: Path) -> Iterator[Pact]:
    """The contract between this service and the module's PEER."""
    agreed = Pact(SERVICE_NAME, request.module.PEER)
    yield agreed
    agreed.write_file(drafts)


@pytest.fixture
def served(request: pytest.FixtureRequest, pact: Pact, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Serve the contract, and connect the clients of the running service to it."""
    # Contracts contain no tokens: the provider's tests add their own.
    monkeypatch.setattr(TokenSource, "token", lambda *_: "a-token")
    variable = request.module.PEER.upper().replace("-", "_") + "_URL"

    @contextmanager
    def serve() -> Iterator[Clients]:
        with pact.serve(addr="127.0.0.1") as server:
            adapters = bootstrap.connect(read({variable: str(server.url)}))
            try:
                yield adapters.clients
            finally:
                adapters.close()

    return serve
