"""The consumers of this service, and their contracts: in a folder, or with a broker.

`make contract` sets both: `CONTRACTS`, and `PACT_BROKER_BASE_URL` where there is a broker.
"""

import json
import os
from base64 import b64encode
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from pact import Verifier

from << cookiecutter.__package >>.settings import SERVICE_NAME

FOLDER = Path(os.environ.get("CONTRACTS", "contracts"))
BROKER = os.environ.get("PACT_BROKER_BASE_URL", "").rstrip("/")
PLACE = BROKER or str(FOLDER)


@cache
def consumers() -> list[tuple[str, Callable[[Verifier], object]]]:
    """Return each consumer, with a function that adds its contract to a verifier."""
    if BROKER:
        return [(name, partial(_add_from_broker, name)) for name in _names_at_broker()]
    parties = {file: _parties(file) for file in sorted(FOLDER.glob("*.json"))}
    return [
        (consumer, partial(_add_file, file))
        for file, (consumer, provider) in parties.items()
        if provider == SERVICE_NAME
    ]


def _parties(file: Path) -> tuple[str, str]:
    try:
        contract = json.loads(file.read_text("utf-8"))
        return contract["consumer"]["name"], contract["provider"]["name"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        remedy = "run make contract in the service that writes it, or delete it"
        raise pytest.UsageError(f"{file} is not a contract ({error!r}): {remedy}") from error


def _add_file(file: Path, verifier: Verifier) -> None:
    verifier.add_source(file)


def _add_from_broker(consumer: str, verifier: Verifier) -> None:
    """Verify the consumer's main branch and its deployed versions; publish the result.

    Contracts that are new to this service's main branch are pending: their failure is reported only.
    """
    branch = os.environ["BRANCH"]
    selector = verifier.filter_consumers(consumer).broker_source(selector=True)
    selector.consumer_version(main_branch=True).consumer_version(deployed_or_released=True)
    selector.provider_branch(branch).include_pending().build()
    verifier.set_publish_options(os.environ["VERSION"], branch=branch)


def _names_at_broker() -> list[str]:
    url = f"{BROKER}/pacts/provider/{SERVICE_NAME}/latest"
    try:
        with urlopen(Request(url, headers=_credentials()), timeout=30) as response:  # noqa: S310
            links = json.load(response)["_links"]
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, HTTPError):
            error.close()
            if error.code == 404:  # no consumer has published a contract yet
                return []
        remedy = "check PACT_BROKER_BASE_URL and its credentials, or unset it to use the folder"
        message = f"The broker at {BROKER} does not respond ({error}): {remedy}"
        raise pytest.UsageError(message) from error
    return sorted(pact["name"] for pact in links["pb:pacts"])


def _credentials() -> dict[str, str]:
    if token := os.environ.get("PACT_BROKER_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if user := os.environ.get("PACT_BROKER_USERNAME"):
        secret = f"{user}:{os.environ.get('PACT_BROKER_PASSWORD', '')}"
        return {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
    return {}
