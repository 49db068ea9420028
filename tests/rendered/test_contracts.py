"""`make contract` on both sides: orders calls payments, and incompatible changes are reported."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pact_broker import standing_in
from tests.support.rendering import render
from tests.support.verbs import make

RUFF = Path(sys.executable).with_name("ruff")
VERSION = re.compile(r"(?<=\n)    version: int\n(?=    created_at)")
UPDATED_AT = re.compile(r"    updated_at: datetime\n")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two services that know only each other's names, and the expectations of orders."""
    folder = tmp_path_factory.mktemp("workspace")
    render(folder, service_name="payments")
    orders = render(folder, service_name="orders", depends_on="payments", database="sqlite")
    make(orders, "contract")
    return folder


@pytest.fixture
def payments(workspace: Path) -> Iterator[Path]:
    """The called service; changes by a test are undone."""
    folder = workspace / "payments"
    files = [folder / "src/payments/api/schemas.py", folder / "tests/contract/states.py"]
    before = {file: file.read_text() for file in files}
    yield folder
    for file, text in before.items():
        file.write_text(text)


def contract(workspace: Path) -> dict[str, Any]:
    """Return the contract of orders with payments."""
    text = (workspace / "contracts" / "orders.payments.json").read_text()
    return dict(json.loads(text))


def change(file: Path, what: str | re.Pattern[str], to: str = "") -> None:
    """Replace a text that occurs once."""
    text, times = re.subn(what, to, file.read_text())
    assert times == 1
    file.write_text(text)


def failing(service: Path, *arguments: str, **variables: str) -> str:
    """Run a make target that fails, and return its output."""
    with pytest.raises(AssertionError) as caught:
        make(service, *arguments, **variables)
    return str(caught.value)


def test_consumer_records_only_what_it_uses(workspace: Path) -> None:
    written = contract(workspace)
    known, unknown = written["interactions"]

    assert (written["consumer"], written["provider"]) == ({"name": "orders"}, {"name": "payments"})
    assert written["metadata"] == {"pactSpecification": {"version": "4.0"}}
    assert set(known["response"]["body"]["content"]) == {"id", "name", "version"}
    assert known["providerStates"][0]["name"] == "one of the payments has this id"
    assert unknown["providerStates"][0]["name"] == "none of the payments has this id"
    assert unknown["response"] == {"status": 404}
    text = json.dumps(written)
    assert "authorization" not in text.lower()
    assert str(workspace) not in text


def test_writing_again_changes_nothing_once_it_is_committed(workspace: Path) -> None:
    orders, git = workspace / "orders", ("git", "-C", str(workspace))
    before = {file: file.read_bytes() for file in (workspace / "contracts").iterdir()}
    subprocess.run([*git, "init", "--quiet"], check=True)

    said = failing(orders, "contract", "CI=true")
    assert "../contracts has changed: run make contract and commit it." in said

    subprocess.run([*git, "add", "contracts"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=Agree"], check=True)
    assert "consumers of orders, in ../contracts: none" in make(orders, "contract", "CI=true")
    assert {file: file.read_bytes() for file in (workspace / "contracts").iterdir()} == before


def test_missing_fields_and_states_are_named(payments: Path) -> None:
    change(payments / "src/payments/api/schemas.py", VERSION)
    change(payments / "tests/contract/states.py", '"none of the payments', '"no payment')
    said = failing(payments, "contract")

    assert "Verifying a pact between orders and payments" in said
    assert "a request for a known id: Actual map is missing the following keys: version" in said
    assert "orders needs the state 'none of the payments has this id'." in said
    assert "Add it to tests/contract/states.py." in said


def test_unused_field_may_be_removed_and_another_added(payments: Path) -> None:
    change(payments / "src/payments/api/schemas.py", UPDATED_AT, '    colour: str = "red"\n')

    assert "consumers of payments, in ../contracts: orders" in make(payments, "contract")


def test_a_failed_test_keeps_the_contract(workspace: Path) -> None:
    before = contract(workspace)
    test = workspace / "orders/tests/contract/peers/test_payments.py"
    text = test.read_text()
    try:
        change(test, '"name": match.string', '"title": match.string')
        assert "without a usable name" in failing(workspace / "orders", "contract")
    finally:
        test.write_text(text)

    assert contract(workspace) == before


def test_contract_of_a_service_that_does_not_call_is_named_and_kept(payments: Path) -> None:
    left = payments.parent / "contracts" / "old-orders.payments.json"
    left.write_text(json.dumps(contract(payments.parent) | {"consumer": {"name": "old-orders"}}))
    try:
        said = make(payments, "contract")
        change(payments / "src/payments/api/schemas.py", VERSION)
        broken = failing(payments, "contract")
    finally:
        left.unlink()

    assert "consumers of payments, in ../contracts: old-orders, orders" in said
    assert "a pact between old-orders and payments" in broken


def test_state_with_other_parameters_is_named(payments: Path) -> None:
    change(
        payments / "tests/contract/states.py",
        r"def none_exists\(adapters: Adapters, id: str",
        "def none_exists(adapters: Adapters, key: str",
    )
    said = failing(payments, "contract")

    assert "orders needs the state 'none of the payments has this id'. It fails: TypeError(" in said


@pytest.mark.parametrize(
    "text", ["", "<<<<<<< HEAD", "[]", '{"consumer": {}}', '{"consumer": "a"}']
)
def test_an_invalid_contract_is_named(payments: Path, text: str) -> None:
    broken = payments.parent / "contracts" / "broken.payments.json"
    broken.write_text(text)
    try:
        said = failing(payments, "contract")
    finally:
        broken.unlink()

    assert "ERROR: ../contracts/broken.payments.json is not a contract (" in said
    assert "run make contract in the service that writes it, or delete it" in said
    assert "Traceback" not in said


def test_with_a_broker_contracts_are_published_and_fetched(payments: Path) -> None:
    agreed = contract(payments.parent)["interactions"]
    token = {"PACT_BROKER_TOKEN": "a-token"}
    with standing_in() as broker:
        given = {"PACT_BROKER_BASE_URL": broker.url, "VERSION": "1a2b3c", "BRANCH": "main", **token}

        make(payments.parent / "orders", "contract", **given)
        [published] = broker.bodies("/contracts/publish")
        assert (published["pacticipantName"], published["branch"]) == ("orders", "main")
        assert published["pacticipantVersionNumber"] == "1a2b3c"
        assert broker.contracts["orders/payments"]["interactions"] == agreed

        change(payments / "src/payments/api/schemas.py", VERSION)
        assert "missing the following keys: version" in failing(payments, "contract", **given)
        [asked] = broker.bodies("/pacts/provider/payments/for-verification")
        selectors = asked["consumerVersionSelectors"]
        assert selectors == [{"mainBranch": True}, {"deployedOrReleased": True}]
        [result] = broker.bodies("/results/orders")
        assert (result["success"], result["providerApplicationVersion"]) == (False, "1a2b3c")
        assert {each.authorization for each in broker.asked} == {"Bearer a-token"}


def test_broker_is_queried_before_a_deployment_and_notified_after_it(payments: Path) -> None:
    user = {"PACT_BROKER_USERNAME": "ci", "PACT_BROKER_PASSWORD": "secret", "PACT_BROKER_TOKEN": ""}
    with standing_in() as broker:
        broker.contracts["orders/payments"] = contract(payments.parent)
        given = {"PACT_BROKER_BASE_URL": broker.url, "VERSION": "1a2b3c", "BRANCH": "main", **user}

        make(payments, "contract", **given)
        [result] = broker.bodies("/results/orders")
        assert (result["success"], result["providerApplicationVersion"]) == (True, "1a2b3c")

        assert "make can-i-deploy STAGE=staging" in failing(payments, "can-i-deploy", **given)
        make(payments, "can-i-deploy", "STAGE=staging", **given)
        assert "environment=staging" in broker.asked[-1].path
        make(payments, "record-deployment", "STAGE=staging", **given)
        assert broker.asked[-1].path == "/deployed/staging"
        assert {each.authorization for each in broker.asked} == {"Basic Y2k6c2VjcmV0"}


@pytest.mark.parametrize("name", ["abc-def", "s" * 40])
def test_any_name_is_well_formed(name: str, tmp_path: Path) -> None:
    peers = ("p" * 40, "xyz")
    service = render(tmp_path, service_name=name, depends_on=",".join(peers), workspace="")

    assert len(list((service / "tests/contract/peers").glob("test_*.py"))) == len(peers)
    for check in (("format", "--check"), ("check",)):
        done = subprocess.run(
            [RUFF, *check, "tests/contract"], cwd=service, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
