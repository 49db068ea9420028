"""Verify the contracts of this service's consumers against the running service."""

from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from pact import Verifier

from << cookiecutter.__package >>.bootstrap import Adapters, connect
from << cookiecutter.__package >>.settings import SERVICE_NAME, read

from ..conftest import MakeToken
from .consumers import consumers
from .provider import HOST, STATES_PATH, Provider
from .states import STATES


def test_contracts_are_kept(
    environ: dict[str, str], migrated: Path, tmp_path: Path, make_token: MakeToken
) -> None:
    def connect_empty() -> Adapters:
        copyfile(migrated, tmp_path / "test.db")
        return connect(read(environ))

    broken: list[str] = []
    for consumer, lead in consumers():
        provider = Provider(environ, connect_empty)
        with provider.serve() as address:
            verifier = Verifier(SERVICE_NAME, host=HOST).add_transport(url=address)
            verifier.state_handler(address + STATES_PATH, teardown=True, body=True)
            # The verifier calls as the consumer: the policy has to allow it.
            token = make_token(client_id=consumer, sub=consumer)
            verifier.add_custom_header("Authorization", f"Bearer {token}")
            verifier.set_error_on_empty_pact(enabled=False)
            lead(verifier)
            broken += _broken(verifier)
        broken += [_failed_state(consumer, *each) for each in provider.failed_states.items()]

    if broken:
        pytest.fail("\n".join(broken), pytrace=False)


def _broken(verifier: Verifier) -> list[str]:
    try:
        verifier.verify()
    except RuntimeError as error:
        return [_describe(each) for each in verifier.results["errors"]] or [str(error)]
    return []


def _describe(error: dict[str, Any]) -> str:
    mismatch = error["mismatch"]
    texts = [each["mismatch"] for each in mismatch.get("mismatches", [])] or [mismatch["message"]]
    return f"{error['interaction']}: {'; '.join(texts)}"


def _failed_state(consumer: str, state: str, error: Exception) -> str:
    remedy = "Add a state to tests/contract/states.py."
    if state in STATES:
        remedy = f"It fails: {error!r}."
    return f"{consumer} needs the state '{state}'. {remedy}"
