import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from << cookiecutter.__package >>.platform.discovery import announcer_address, consul

from .announcer_stand_in import StandIn, stand_in

REGISTER = "PUT /v1/agent/service/register?replace-existing-checks=true"
CONFIRM = "PUT /v1/agent/check/pass/service:a-10.0.0.1-8000"
DEREGISTER = "PUT /v1/agent/service/deregister/a-10.0.0.1-8000"


@pytest.fixture
def agent() -> Iterator[StandIn]:
    with stand_in(lambda *_: (200, {})) as found:
        yield found


def registry_at(agent: StandIn, **given: str) -> consul.Registry:
    settings = consul.Settings.model_validate({"CONSUL_HTTP_ADDR": agent.url, **given})
    defaults = announcer_address.Settings()
    address = announcer_address.Advertised("http", "10.0.0.1", 8000, defaults)
    return consul.Registry(consul.Client(settings), "a", address)


def test_registers_then_lets_its_check_pass(agent: StandIn) -> None:
    registry = registry_at(agent, CONSUL_HTTP_TOKEN="s3cret")
    registry.announce()
    registry.announce()
    registry.withdraw()

    assert agent.paths == [REGISTER, CONFIRM, DEREGISTER]
    entry = agent.asked[0][1]
    assert (entry["ID"], entry["Name"]) == ("a-10.0.0.1-8000", "a")
    assert (entry["Address"], entry["Port"]) == ("10.0.0.1", 8000)
    assert entry["Meta"] == {"scheme": "http"}
    assert entry["Check"]["TTL"] == "10s"
    assert entry["Check"]["Status"] == "passing"
    assert agent.heard["X-Consul-Token"] == "s3cret"


def test_registers_again_with_an_agent_that_has_forgotten(agent: StandIn) -> None:
    def forgetful(asked: str, _: Any) -> tuple[int, Any]:
        return (404 if asked == CONFIRM else 200), {}

    registry = registry_at(agent)
    registry.announce()
    agent.answer = forgetful
    registry.announce()

    assert agent.paths == [REGISTER, CONFIRM, REGISTER]


def test_says_what_consul_says(agent: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    agent.answer = lambda *_: (403, b"Permission denied\n")

    with pytest.raises(consul.ConsulError, match=r"^403 Permission denied; .*CONSUL_HTTP_TOKEN$"):
        registry_at(agent, CONSUL_HTTP_TOKEN="s3cret").announce()
    assert "s3cret" not in caplog.text


def test_what_is_not_entered_needs_no_withdrawing(agent: StandIn) -> None:
    registry = registry_at(agent)
    registry.withdraw()
    assert agent.asked == []

    registry.announce()
    registry.withdraw()
    registry.withdraw()
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
def test_the_address_is_as_consuls_tools_take_it(given: dict[str, str], expected: str) -> None:
    assert consul.Settings.model_validate(given).address == expected


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"ENVIRONMENT": "production"}, "is missing; name the Consul agent"),
        ({"CONSUL_HTTP_ADDR": "unix:///run/consul.sock"}, "is no address like"),
        ({"CONSUL_HTTP_ADDR": "consul:x"}, "Port could not be"),
        ({"CONSUL_CACERT": "/nowhere"}, "does not point to a file"),
    ],
)
def test_what_is_wrong_is_refused(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        consul.Settings.model_validate(given)
