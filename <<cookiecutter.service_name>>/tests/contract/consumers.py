"""Who relies on this service, and where their contracts are: in a folder, or with a broker.

`make contract` names both: `CONTRACTS`, and `PACT_BROKER_BASE_URL` where there is a broker.
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
def consumers() -> dict[str, Callable[[Verifier], object]]:
    """Give each consumer, with what leads a verifier to its contract."""
    if BROKER:
        return {name: partial(_from_broker, name) for name in _known_to_broker()}
    contracts = {file: json.loads(file.read_text("utf-8")) for file in FOLDER.glob("*.json")}
    return {
        contract["consumer"]["name"]: partial(_from_file, file)
        for file, contract in sorted(contracts.items())
        if contract["provider"]["name"] == SERVICE_NAME
    }


def _from_file(file: Path, verifier: Verifier) -> None:
    verifier.add_source(file)


def _from_broker(consumer: str, verifier: Verifier) -> None:
    """Take what is on the consumer's main branch and what runs somewhere; publish the outcome.

    What is new to this service's main branch is pending: it is tried, but fails nothing yet.
    """
    branch = os.environ["BRANCH"]
    selector = verifier.filter_consumers(consumer).broker_source(selector=True)
    selector.consumer_version(main_branch=True).consumer_version(deployed_or_released=True)
    selector.provider_branch(branch).include_pending().build()
    verifier.set_publish_options(os.environ["VERSION"], branch=branch)


def _known_to_broker() -> list[str]:
    url = f"{BROKER}/pacts/provider/{SERVICE_NAME}/latest"
    request = Request(url, headers=_credentials())  # noqa: S310 (who set it chose the address)
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            links = json.load(answer)["_links"]
    except HTTPError as error:
        with error:
            if error.code == 404:  # nobody has a contract with this service yet
                return []
            raise _unusable(error) from error
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(error) from error
    return sorted(pact["name"] for pact in links["pb:pacts"])


def _unusable(error: Exception) -> pytest.UsageError:
    remedy = "check PACT_BROKER_BASE_URL and its credentials, or unset it to use the folder"
    return pytest.UsageError(f"The broker at {BROKER} can't be asked ({error}): {remedy}")


def _credentials() -> dict[str, str]:
    if token := os.environ.get("PACT_BROKER_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if user := os.environ.get("PACT_BROKER_USERNAME"):
        secret = f"{user}:{os.environ.get('PACT_BROKER_PASSWORD', '')}"
        return {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
    return {}
