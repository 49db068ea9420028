"""Tokens between services: checkout calls orders, with an identity provider."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from uuid import uuid4

import pytest

from tests.support.http import ORDERS, Answer
from tests.support.pair import ASK, Pair
from tests.support.running import Service, at_once
from tests.support.servers.oidc import IdentityProvider
from tests.support.servers.processes import wait_until

FORGOTTEN_AFTER_SECONDS = 5  # a rejected token is discarded only at this age

Oidc = Callable[..., AbstractContextManager[IdentityProvider]]


@pytest.fixture(scope="module")
def running(pair: Pair, oidc: Oidc) -> Iterator[tuple[IdentityProvider, Service]]:
    """A provider, and checkout in front of orders; tests must not change them."""
    given = {"ORDERS_SCOPE": "orders:read orders:write", "PEER_MAX_CONCURRENT_CALLS": "64"}
    with oidc("checkout", "orders") as provider, pair.serve(provider, **given) as checkout:
        yield provider, checkout


def test_many_threads_fetch_one_token(running: tuple[IdentityProvider, Service]) -> None:
    provider, checkout = running

    answers = at_once([partial(checkout.get, ASK)] * 50)

    assert [answer.status for answer in answers] == [200] * 50
    assert provider.grants("checkout", "orders") == 1


def test_access_rules_apply(pair: Pair, running: tuple[IdentityProvider, Service]) -> None:
    provider, checkout = running
    assert checkout.get(ASK).status == 200, checkout.output()

    refused = checkout.post({"name": "First"}, ASK)
    assert refused.status == 403
    assert refused.json()["code"] == "caller_not_allowed"
    assert "checkout" in refused.json()["detail"]

    # Other tokens are rejected: their audience or scope is wrong.
    orders = pair.orders_service(checkout)
    elsewhere = provider.token(aud="checkout", scope="orders:read", client="checkout")
    assert _reason(orders.get(token=elsewhere)) == (401, "unauthorized")
    reader = provider.token(aud="orders", scope="orders:read", client="checkout")
    gone = orders.ask("DELETE", f"{ORDERS}/{uuid4()}", token=reader)
    assert _reason(gone) == (403, "forbidden")
    assert 'error="insufficient_scope"' in gone.headers["WWW-Authenticate"]
    developer = provider.token(aud="orders", scope="orders:write")
    assert orders.post({"name": "First"}, token=developer).status == 201


def test_a_new_key_fails_one_call_at_most(
    pair: Pair, running: tuple[IdentityProvider, Service]
) -> None:
    provider, checkout = running
    assert checkout.get(ASK).status == 200
    time.sleep(FORGOTTEN_AFTER_SECONDS + 1)
    before = provider.grants("checkout", "orders")
    provider.stop()
    provider.start()

    assert checkout.get(ASK).status == 200, "orders knows the old key, and no other yet"
    news = provider.token(aud="orders", scope="orders:read")
    assert pair.orders_service(checkout).get(token=news).status == 200, (
        "the new one is looked up at once"
    )

    after = [checkout.get(ASK).status for _ in range(20)]
    assert after in ([401] + [200] * 19, [200] * 20)
    assert provider.grants("checkout", "orders") == before + 1


def test_a_token_is_renewed_before_it_expires(pair: Pair, oidc: Oidc) -> None:
    with (
        oidc("checkout", "orders", token_seconds=8) as provider,
        pair.serve(provider) as checkout,
    ):
        statuses = _ask_for(checkout, 14)
        given = provider.grants("checkout", "orders")

        print(f"{sum(statuses.values())} calls in 14 s with {given} tokens of 8 s: {statuses}")
        assert set(statuses) == {200}
        assert 3 <= given <= 5


@pytest.mark.parametrize("away", [5, pytest.param(30, marks=pytest.mark.long)])
def test_a_valid_token_outlives_its_provider(pair: Pair, oidc: Oidc, away: int) -> None:
    life = away + 4
    with (
        oidc("checkout", "orders", token_seconds=life) as provider,
        pair.serve(provider) as checkout,
    ):
        assert checkout.get(ASK).status == 200
        provider.stop()

        statuses = _ask_for(checkout, away)
        assert set(statuses) == {200}, "no request fails while the token is valid"

        wait_until(lambda: checkout.get(ASK).status == 503, "the token's end", seconds=10)
        ended = checkout.get(ASK)
        assert int(ended.headers["Retry-After"]) >= 1
        assert "no token for orders" in ended.json()["detail"]
        without = _ask_for(checkout, 3)
        assert set(without) == {503}
        tries = checkout.output().count("There is no token for orders: ")

        provider.start()
        began = time.monotonic()
        wait_until(lambda: checkout.get(ASK).status == 200, "a new token", seconds=15)
        print(
            f"provider away for {away} s: {statuses}; then {without}, with {tries} tries in all;"
            f" well {time.monotonic() - began:.1f} s after it"
        )
        assert tries <= 12


def test_it_starts_before_its_provider(pair: Pair, oidc: Oidc) -> None:
    with oidc("orders") as provider, pair.fleet.process(pair.orders, provider) as orders:
        orders.kill()
        provider.stop()
        orders.start()
        orders.wait_for(orders.is_alive, "alive")
        ready = orders.get("/health/ready", token=None)
        assert ready.status == 503
        assert ready.json()["checks"]["auth_keys"]["status"] == "unavailable"

        provider.start()
        orders.wait_until_ready()


def _ask_for(checkout: Service, seconds: float) -> Counter[int]:
    """Send requests from a few threads for some seconds; return the statuses."""
    until = time.monotonic() + seconds

    def ask() -> Counter[int]:
        statuses: Counter[int] = Counter()
        while time.monotonic() < until:
            statuses[checkout.get(ASK).status] += 1
            time.sleep(0.05)
        return statuses

    return sum(at_once([ask] * 4), Counter())


def _reason(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["code"]
