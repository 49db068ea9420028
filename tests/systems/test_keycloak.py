"""Tokens of a real Keycloak, with the realm that docs/peers-identity.md describes."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from uuid import uuid4

import pytest

from tests.support.http import ORDERS, Answer
from tests.support.pair import ASK, Pair
from tests.support.running import Service, at_once
from tests.support.servers.keycloak import SECRET, Keycloak

# The server is 170 MB, and takes a minute to install and start.
pytestmark = pytest.mark.long

FORGOTTEN_AFTER_SECONDS = 5  # a rejected token is discarded only at this age


@pytest.fixture(scope="module")
def realm(keycloak: Callable[[], AbstractContextManager[Keycloak]]) -> Iterator[Keycloak]:
    """A realm whose clients are the services and "developer"."""
    scopes = {
        "orders": ("orders:read", "orders:write"),
        "checkout": ("checkouts:read", "checkouts:write"),
    }
    with keycloak() as realm:
        for audience, names in scopes.items():
            for name in names:
                realm.add_scope(name, audience)
        realm.add_user()
        realm.add_client("checkout", *scopes["orders"])
        # Users log in with it.
        realm.add_client("orders", *scopes["orders"], directAccessGrantsEnabled=True)
        realm.add_client("developer", *scopes["orders"], *scopes["checkout"])
        yield realm


@pytest.fixture(scope="module")
def checkout(pair: Pair, realm: Keycloak) -> Iterator[Service]:
    """The service that calls orders; tests must not change either."""
    given = {"ORDERS_SCOPE": "orders:read orders:write", "PEER_MAX_CONCURRENT_CALLS": "64"}
    with pair.serve(realm, **given) as checkout:
        yield checkout


def test_many_threads_fetch_one_token(realm: Keycloak, checkout: Service) -> None:
    answers = at_once([partial(checkout.get, ASK)] * 50)

    assert [answer.status for answer in answers] == [200] * 50, checkout.output()
    assert realm.grants("checkout") == 1


def test_access_rules_apply(pair: Pair, realm: Keycloak, checkout: Service) -> None:
    refused = checkout.post({"name": "First"}, ASK)
    assert _reason(refused) == (403, "caller_not_allowed")
    assert "checkout" in refused.json()["detail"]

    orders = pair.orders_service(checkout)
    assert orders.post({"name": "First"}, token=realm.token(scope="orders:write")).status == 201
    elsewhere = orders.get(token=realm.token(scope="checkouts:read"))
    assert _reason(elsewhere) == (401, "unauthorized")
    assert "audience" in elsewhere.json()["detail"]
    reader = realm.token(scope="orders:read", client="checkout")
    gone = orders.ask("DELETE", f"{ORDERS}/{uuid4()}", token=reader)
    assert _reason(gone) == (403, "forbidden")
    assert 'error="insufficient_scope"' in gone.headers["WWW-Authenticate"]


def test_users_need_access_tokens(pair: Pair, realm: Keycloak, checkout: Service) -> None:
    orders, given = pair.orders_service(checkout), realm.login("orders", "orders:read")

    assert orders.get(token=given["access_token"]).status == 200
    assert _reason(orders.get(token=given["id_token"])) == (401, "unauthorized")
    assert _reason(orders.get(token=given["refresh_token"])) == (401, "unauthorized")


def test_a_new_key_fails_one_call_at_most(pair: Pair, realm: Keycloak, checkout: Service) -> None:
    assert checkout.get(ASK).status == 200
    time.sleep(FORGOTTEN_AFTER_SECONDS + 1)
    orders, old = pair.orders_service(checkout), realm.token(scope="orders:read")
    before = realm.grants("checkout")

    realm.add_key()
    assert orders.get(token=realm.token(scope="orders:read")).status == 200, "looked up at once"
    assert orders.get(token=old).status == 200, "it is still published"
    assert checkout.get(ASK).status == 200

    realm.withdraw_old_keys()
    realm.add_key()
    assert orders.get(token=realm.token(scope="orders:read")).status == 200
    assert _reason(orders.get(token=old)) == (401, "unauthorized")
    assert [checkout.get(ASK).status for _ in range(20)] == [401] + [200] * 19
    assert realm.grants("checkout") == before + 1


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"ORDERS_SCOPE": "checkouts:read"}, "400 invalid_scope"),
        ({"AUTH_CLIENT_SECRET": "wrong"}, "401 unauthorized_client"),
    ],
    ids=["scope", "secret"],
)
def test_token_errors_are_explained(
    pair: Pair, realm: Keycloak, wrong: dict[str, str], reason: str
) -> None:
    with pair.serve(realm, **wrong) as checkout:
        refused = checkout.get(ASK)

        assert _reason(refused) == (503, "service_unavailable")
        assert "no token for orders" in refused.json()["detail"]
        assert f"There is no token for orders: the provider answers {reason}" in checkout.output()
        assert SECRET not in checkout.output()


def test_a_developer_gets_a_token(pair: Pair, realm: Keycloak, checkout: Service) -> None:
    given = {**realm.environment, "PYTHONPATH": str(pair.orders.folder / "src")}

    printed = pair.orders.python("-m", "orders", "token", environment=given).decode().strip()

    made = pair.orders_service(checkout).post({"name": "First"}, token=printed)
    assert made.status == 201


def _reason(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["code"]
