"""This service keeps what others rely on: each contract is tried on the service really running."""

from typing import Any

import pytest
from pact import Verifier

from << cookiecutter.__package >>.settings import SERVICE_NAME

from ..conftest import MakeToken
from .consumers import consumers
from .provider import HOST, STATES_PATH, Provider
from .states import STATES


def test_keeps_its_contracts(environ: dict[str, str], make_token: MakeToken) -> None:
    broken: list[str] = []
    for consumer, lead in consumers():
        provider = Provider(environ)
        with provider.serve() as address:
            verifier = Verifier(SERVICE_NAME, host=HOST).add_transport(url=address)
            verifier.state_handler(address + STATES_PATH, teardown=True, body=True)
            # The verifier comes as the consumer would: the policy has to let it in.
            token = make_token(client_id=consumer, sub=consumer)
            verifier.add_custom_header("Authorization", f"Bearer {token}")
            verifier.set_error_on_empty_pact(enabled=False)
            lead(verifier)
            broken += _broken(verifier)
        broken += [_failed(consumer, *each) for each in provider.failed_states.items()]

    if broken:
        pytest.fail("\n".join(broken), pytrace=False)


def _broken(verifier: Verifier) -> list[str]:
    try:
        verifier.verify()
    except RuntimeError as error:
        return [_told(each) for each in verifier.results["errors"]] or [str(error)]
    return []


def _told(error: dict[str, Any]) -> str:
    found = error["mismatch"]
    said = [each["mismatch"] for each in found.get("mismatches", [])] or [found["message"]]
    return f"{error['interaction']}: {'; '.join(said)}"


def _failed(consumer: str, state: str, error: Exception) -> str:
    remedy = "Add a state to tests/contract/states.py."
    if state in STATES:
        remedy = f"It fails: {error!r}."
    return f"{consumer} takes for granted: '{state}'. {remedy}"
