import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from << cookiecutter.__package >>.platform.discovery import announcer_address, etcd

from .announcer_stand_in import StandIn, stand_in

ENTER = ["POST /v3/lease/grant", "POST /v3/kv/put"]
KEEP = "POST /v3/lease/keepalive"
REVOKE = "POST /v3/lease/revoke"


def well(asked: str, _: Any) -> tuple[int, Any]:
    answers: dict[str, Any] = {
        ENTER[0]: {"ID": "77", "TTL": "10"},
        KEEP: {"result": {"ID": "77", "TTL": "10"}},
        "POST /v3/auth/authenticate": {"token": "t1"},
    }
    return 200, answers.get(asked, {})


@pytest.fixture
def member() -> Iterator[StandIn]:
    with stand_in(well) as found:
        yield found


def registry_at(endpoints: str, **given: str) -> etcd.Registry:
    settings = etcd.Settings.model_validate({"ETCD_ENDPOINTS": endpoints, **given})
    defaults = announcer_address.Settings()
    address = announcer_address.Advertised("http", "10.0.0.1", 8000, defaults)
    return etcd.Registry(etcd.Client(settings), "a", address)


def test_enters_itself_then_keeps_its_lease_alive(member: StandIn) -> None:
    registry = registry_at(member.url)
    registry.announce()
    registry.announce()
    registry.withdraw()

    assert member.paths == [*ENTER, KEEP, REVOKE]
    entry = member.asked[1][1]
    assert base64.b64decode(entry["key"]) == b"/services/a/a-10.0.0.1-8000"
    assert json.loads(base64.b64decode(entry["value"])) == {
        "scheme": "http",
        "host": "10.0.0.1",
        "port": 8000,
    }
    assert entry["lease"] == "77"
    assert member.asked[3][1] == {"ID": "77"}


def test_enters_itself_again_when_its_lease_is_gone(member: StandIn) -> None:
    registry = registry_at(member.url)
    registry.announce()
    member.answer = lambda asked, body: (
        (200, {"result": {"ID": "77"}}) if asked == KEEP else well(asked, body)
    )
    registry.announce()

    assert member.paths == [*ENTER, KEEP, *ENTER]


def test_asks_the_next_endpoint_and_stays_there(member: StandIn) -> None:
    with stand_in(lambda *_: (503, b"no leader")) as bad:
        registry = registry_at(f"http://127.0.0.1:1, {bad.url}/ ,{member.url}")
        registry.announce()
        registry.announce()

        assert bad.paths == ENTER[:1]
        assert member.paths == [*ENTER, KEEP]


def test_shows_who_it_is(member: StandIn) -> None:
    def forgets_the_token(asked: str, body: Any) -> tuple[int, Any]:
        return (401, b"invalid auth token") if asked == KEEP else well(asked, body)

    registry = registry_at(member.url, ETCD_USERNAME="a", ETCD_PASSWORD="s3cret")
    registry.announce()
    assert member.asked[0] == ("POST /v3/auth/authenticate", {"name": "a", "password": "s3cret"})
    assert member.heard["Authorization"] == "t1"

    member.answer = forgets_the_token
    with pytest.raises(etcd.EtcdError, match="401 invalid auth token"):
        registry.announce()
    registry.withdraw()
    assert member.paths[-2:] == ["POST /v3/auth/authenticate", REVOKE]


def test_what_was_not_entered_needs_no_withdrawing(member: StandIn) -> None:
    registry_at(member.url).withdraw()

    assert member.asked == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"ENVIRONMENT": "production"}, "is missing; name etcd's servers"),
        ({"ETCD_ENDPOINTS": "http://etcd-1:2379,etcd-2:2379"}, "is no list like"),
        ({"ETCD_CACERT": "/nowhere"}, "does not point to a file"),
    ],
)
def test_what_is_wrong_is_refused(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        etcd.Settings.model_validate(given)
