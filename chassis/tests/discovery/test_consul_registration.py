import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.discovery import Instance
from chassis.discovery.registry import consul
from chassis.discovery.registry.address import AddressSettings, AdvertisedAddress
from support.stub_server import StubServer, stub_server

REGISTER = "PUT /v1/agent/service/register?replace-existing-checks=true"
CONFIRM = "PUT /v1/agent/check/pass/service:a-10.0.0.1-8000"
DEREGISTER = "PUT /v1/agent/service/deregister/a-10.0.0.1-8000"


@pytest.fixture
def agent() -> Iterator[StubServer]:
    with stub_server(lambda *_: (200, {})) as found:
        yield found


def registrar_at(agent: StubServer, **given: str) -> consul.ConsulRegistrar:
    settings = consul.ConsulSettings.model_validate({"CONSUL_HTTP_ADDR": agent.url, **given})
    defaults = AddressSettings()
    address = AdvertisedAddress(Instance("http", "10.0.0.1", 8000), defaults)
    return consul.ConsulRegistrar(consul.Client(settings), "a", address)


def test_registers_then_confirms_its_check(agent: StubServer) -> None:
    registrar = registrar_at(agent, CONSUL_HTTP_TOKEN="s3cret")
    registrar.register()
    registrar.register()
    registrar.deregister()

    assert agent.paths == [REGISTER, CONFIRM, DEREGISTER]
    entry = agent.asked[0][1]
    assert (entry["ID"], entry["Name"]) == ("a-10.0.0.1-8000", "a")
    assert (entry["Address"], entry["Port"]) == ("10.0.0.1", 8000)
    assert entry["Meta"] == {"scheme": "http"}
    assert entry["Check"]["TTL"] == "10s"
    assert entry["Check"]["Status"] == "passing"
    assert agent.heard["X-Consul-Token"] == "s3cret"


def test_registers_again_with_an_agent_that_has_forgotten(agent: StubServer) -> None:
    def forgetful(asked: str, _: Any) -> tuple[int, Any]:
        return (404 if asked == CONFIRM else 200), {}

    registrar = registrar_at(agent)
    registrar.register()
    agent.answer = forgetful
    registrar.register()

    assert agent.paths == [REGISTER, CONFIRM, REGISTER]


def test_an_error_contains_the_answer_and_a_remedy_but_no_token(
    agent: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    agent.answer = lambda *_: (403, b"Permission denied\n")

    with pytest.raises(consul.ConsulError, match=r"^403 Permission denied; .*CONSUL_HTTP_TOKEN$"):
        registrar_at(agent, CONSUL_HTTP_TOKEN="s3cret").register()
    assert "s3cret" not in caplog.text


def test_deregistering_twice_or_first_does_nothing(agent: StubServer) -> None:
    registrar = registrar_at(agent)
    registrar.deregister()
    assert agent.asked == []

    registrar.register()
    registrar.deregister()
    registrar.deregister()
    assert agent.paths == [REGISTER, DEREGISTER]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "http://127.0.0.1:8500"),
        ({"CONSUL_HTTP_ADDR": "consul:8500"}, "http://consul:8500"),
        ({"CONSUL_HTTP_ADDR": "consul:8501", "CONSUL_HTTP_SSL": "true"}, "https://consul:8501"),
        ({"CONSUL_HTTP_ADDR": "https://consul.test/"}, "https://consul.test"),
    ],
)
def test_the_address_has_the_forms_that_consuls_tools_accept(
    given: dict[str, str], expected: str
) -> None:
    assert consul.ConsulSettings.model_validate(given).address == expected


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"ENVIRONMENT": "production"}, "is missing; set the address of the Consul agent"),
        ({"CONSUL_HTTP_ADDR": "unix:///run/consul.sock"}, "is not an address like"),
        ({"CONSUL_HTTP_ADDR": "consul:x"}, "Port could not be"),
        ({"CONSUL_CACERT": "/nowhere"}, "does not point to a file"),
    ],
)
def test_wrong_settings_are_rejected(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        consul.ConsulSettings.model_validate(given)
