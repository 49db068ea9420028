import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.discovery import Instance
from chassis.discovery.registry import etcd
from chassis.discovery.registry.address import AddressSettings, AdvertisedAddress
from support.stub_server import StubServer, stub_server

ENTER = ["POST /v3/lease/grant", "POST /v3/kv/put"]
KEEP = ["POST /v3/lease/keepalive", "POST /v3/lease/timetolive"]
REVOKE = "POST /v3/lease/revoke"
AUTHENTICATE = "POST /v3/auth/authenticate"


def well(asked: str, _: Any) -> tuple[int, Any]:
    answers: dict[str, Any] = {
        ENTER[0]: {"ID": "77", "TTL": "10"},
        KEEP[0]: {"result": {"ID": "77", "TTL": "10"}},
        KEEP[1]: {"TTL": "10", "keys": ["L3NlcnZpY2Vz"]},
    }
    return 200, answers.get(asked, {})


@pytest.fixture
def member() -> Iterator[StubServer]:
    with stub_server(well) as found:
        yield found


def registrar_at(endpoints: str, bound: str = "10.0.0.1", **given: str) -> etcd.EtcdRegistrar:
    settings = etcd.EtcdSettings.model_validate({"ETCD_ENDPOINTS": endpoints, **given})
    defaults = AddressSettings()
    address = AdvertisedAddress(Instance("http", bound, 8000), defaults)
    return etcd.EtcdRegistrar(etcd.Client(settings), "a", address)


def test_registers_then_keeps_its_lease_alive(member: StubServer) -> None:
    registrar = registrar_at(member.url)
    registrar.register()
    registrar.register()
    registrar.deregister()

    assert member.paths == [*ENTER, *KEEP, REVOKE]
    entry = member.asked[1][1]
    assert base64.b64decode(entry["key"]) == b"/services/a/a-10.0.0.1-8000"
    assert json.loads(base64.b64decode(entry["value"])) == {
        "scheme": "http",
        "host": "10.0.0.1",
        "port": 8000,
    }
    assert entry["lease"] == "77"
    assert member.asked[-1][1] == {"ID": "77"}


def test_registers_again_when_its_lease_is_gone(member: StubServer) -> None:
    registrar = registrar_at(member.url)
    registrar.register()
    member.answer = lambda asked, body: (
        (200, {"result": {"ID": "77"}}) if asked == KEEP[0] else well(asked, body)
    )
    registrar.register()

    assert member.paths == [*ENTER, KEEP[0], *ENTER]


def test_asks_the_next_endpoint_and_stays_there(member: StubServer) -> None:
    with stub_server(lambda *_: (503, b"no leader")) as bad:
        registrar = registrar_at(f"http://127.0.0.1:1, {bad.url}/ ,{member.url}")
        registrar.register()
        registrar.register()

        assert bad.paths == ENTER[:1]
        assert member.paths == [*ENTER, *KEEP]


def test_registers_its_address_towards_the_endpoint_that_answers(member: StubServer) -> None:
    """The name of a member that is down may not resolve either."""
    everywhere = "0.0.0.0"  # noqa: S104 (recognised, not bound)
    registrar_at(f"http://no..name:2379,{member.url}", everywhere).register()

    assert member.paths == ENTER
    assert json.loads(base64.b64decode(member.asked[1][1]["value"]))["host"] == "127.0.0.1"


def test_concurrent_failures_move_to_the_next_endpoint_once(member: StubServer) -> None:
    both_asked = threading.Barrier(2, timeout=60)

    def bad(*_: Any) -> tuple[int, Any]:
        both_asked.wait()
        return 503, b"no leader"

    with stub_server(bad) as first, ThreadPoolExecutor(2) as threads:
        given = {"ETCD_ENDPOINTS": f"{first.url},{member.url}"}
        client = etcd.Client(etcd.EtcdSettings.model_validate(given))
        calls = [threads.submit(client.call, "kv/range", {}) for _ in range(2)]

        assert [call.result(60) for call in calls] == [{}, {}]
        assert client.endpoints == [member.url, first.url]


def test_registers_again_when_its_key_was_deleted(member: StubServer) -> None:
    registrar = registrar_at(member.url)
    registrar.register()
    member.answer = lambda asked, body: (200, {"TTL": "10"}) if asked == KEEP[1] else well(asked, body)
    registrar.register()

    assert member.paths == [*ENTER, *KEEP, *ENTER]


def test_authenticates_when_etcd_requires_it(member: StubServer) -> None:
    valid = "t1"

    def guarded(asked: str, body: Any) -> tuple[int, Any]:
        if asked == AUTHENTICATE:
            return 200, {"token": valid}
        if "Authorization" not in member.heard:
            return 400, b"user name is empty"
        return well(asked, body) if member.heard["Authorization"] == valid else (401, b"invalid")

    member.answer = guarded
    registrar = registrar_at(member.url, ETCD_USERNAME="a", ETCD_PASSWORD="s3cret")
    registrar.register()
    assert member.paths == [ENTER[0], AUTHENTICATE, *ENTER]
    assert member.asked[1][1] == {"name": "a", "password": "s3cret"}

    valid = "t2"
    registrar.register()
    assert member.paths[4:] == [KEEP[0], AUTHENTICATE, *KEEP]


def test_without_a_username_it_does_not_authenticate(member: StubServer) -> None:
    member.answer = lambda *_: (400, b"user name is empty")

    with pytest.raises(etcd.EtcdError, match=r"^400 user name is empty; .*ETCD_USERNAME"):
        registrar_at(member.url).register()
    assert member.paths == ENTER[:1]


def test_deregistering_twice_or_first_does_nothing(member: StubServer) -> None:
    registrar = registrar_at(member.url)
    registrar.deregister()
    assert member.asked == []

    registrar.register()
    registrar.deregister()
    registrar.deregister()
    assert member.paths == [*ENTER, REVOKE]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"ENVIRONMENT": "production"}, "is missing; list etcd's members"),
        ({"ETCD_ENDPOINTS": "http://etcd-1:2379,etcd-2:2379"}, "is not a list like"),
        ({"ETCD_ENDPOINTS": "http://etcd-1:2379,http://etcd-2:x"}, "Port could not be"),
        ({"ETCD_CACERT": "/nowhere"}, "does not point to a file"),
    ],
)
def test_wrong_settings_are_rejected(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        etcd.EtcdSettings.model_validate(given)
