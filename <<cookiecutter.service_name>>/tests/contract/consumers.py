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
import yaml
from pact import Verifier

from << cookiecutter.__package >>.settings import SERVICE_NAME

FOLDER = Path(os.environ.get("CONTRACTS", "contracts"))
BROKER = os.environ.get("PACT_BROKER_BASE_URL", "").rstrip("/")
PLACE = BROKER or str(FOLDER)


@cache
def consumers() -> list[tuple[str, Callable[[Verifier], object]]]:
    """Give each consumer, with what leads a verifier to its contract."""
    if BROKER:
        return [(name, partial(_from_broker, name)) for name in _known_to_broker()]
    return [(consumer, partial(_from_file, file)) for file, consumer in _in_folder().items()]


def left_behind() -> list[Path]:
    """Give the contracts of services that do not call this one, as the workspace's registry says."""
    registry = FOLDER.parent / "services.yaml"
    if BROKER or not registry.is_file():
        return []
    try:
        services = yaml.safe_load(registry.read_text("utf-8"))["services"]
        calls = {name: entry.get("depends_on") or () for name, entry in services.items()}
    except (yaml.YAMLError, LookupError, TypeError, AttributeError):
        return []  # entries by hand may say anything; `make register` tells what is wrong
    found = _in_folder().items()
    return [file for file, consumer in found if SERVICE_NAME not in calls.get(consumer, ())]


@cache
def _in_folder() -> dict[Path, str]:
    """Give the contracts that name this service as provider, each with its consumer."""
    parties = {file: _parties(file) for file in sorted(FOLDER.glob("*.json"))}
    return {file: name for file, (name, provider) in parties.items() if provider == SERVICE_NAME}


def _parties(file: Path) -> tuple[str, str]:
    try:
        contract = json.loads(file.read_text("utf-8"))
        return contract["consumer"]["name"], contract["provider"]["name"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        remedy = "run make contract in the service that writes it, or delete it"
        raise pytest.UsageError(f"{file} is no contract ({error!r}): {remedy}") from error


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
            if error.code == 404:  # there is no contract with this service yet
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
