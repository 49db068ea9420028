"""What consumer tests share: the clients of the running service, and where contracts go."""

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
    """Where a module's contract grows. `make contract` hands it over if all of it holds."""
    folder = tmp_path_factory.mktemp("drafts")
    failed = request.session.testsfailed
    yield folder
    if "CONTRACTS" in os.environ and request.session.testsfailed == failed:
        for draft in folder.iterdir():
            _hand_over(draft)


def _hand_over(draft: Path) -> None:
    """Put a contract in the place of the one before; whoever reads meanwhile gets one of them."""
    contract = json.loads(draft.read_text("utf-8"))
    del contract["metadata"]["pactRust"]  # a newer tool is no change of the contract
    # A dot is in no service's name: a-b and c are not a and b-c.
    name = f"{contract['consumer']['name']}.{contract['provider']['name']}.json"
    FOLDER.mkdir(parents=True, exist_ok=True)
    new = FOLDER / f".{name}.new"
    new.write_text(json.dumps(contract, indent=2) + "\n", "utf-8")
    new.replace(FOLDER / name)


@pytest.fixture
def pact(request: pytest.FixtureRequest, drafts: Path) -> Iterator[Pact]:
    """What this service and the module's PEER agree on."""
    agreed = Pact(SERVICE_NAME, request.module.PEER)
    yield agreed
    agreed.write_file(drafts)


@pytest.fixture
def served(request: pytest.FixtureRequest, pact: Pact, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Serve what is agreed on, and connect the clients of the running service to it."""
    # A contract says nothing of tokens: the provider's tests bring their own.
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
