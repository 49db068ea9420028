from collections.abc import Iterator

import pytest

from chassis.discovery import Instance
from chassis.discovery.registry import consul
from chassis.discovery.resolution.consul import Source
from support.stub_server import StubServer, stub_server

HEALTHY = [
    {
        "Node": {"Address": "10.9.9.9"},
        "Service": {"Address": "10.0.0.1", "Port": 8443, "Meta": {"scheme": "https"}},
    },
    # Registered by hand, or by another program.
    {"Node": {"Address": "10.9.9.9"}, "Service": {"Address": "", "Port": 80, "Meta": None}},
]


@pytest.fixture
def agent() -> Iterator[StubServer]:
    with stub_server(lambda *_: (200, HEALTHY)) as found:
        found.headers["X-Consul-Index"] = "7"
        yield found


def source_at(agent: StubServer) -> Source:
    settings = consul.ConsulSettings.model_validate({"CONSUL_HTTP_ADDR": agent.url})
    return Source(consul.Client(settings))


def test_asks_for_healthy_instances(agent: StubServer) -> None:
    found, index = source_at(agent).look("b", 3)

    assert agent.paths == ["GET /v1/health/service/b?passing=true&index=3&wait=30s"]
    assert found == [Instance("https", "10.0.0.1", 8443), Instance("http", "10.9.9.9", 80)]
    assert index == 7


@pytest.mark.parametrize(("seen", "index", "next_one"), [(0, 0, 1), (7, 7, 7), (8, 7, 0), (5, 0, 0)])
def test_an_index_that_goes_back_is_reset(
    agent: StubServer, seen: int, index: int, next_one: int
) -> None:
    agent.headers["X-Consul-Index"] = str(index)

    assert source_at(agent).look("b", seen)[1] == next_one


def test_an_error_is_raised(agent: StubServer) -> None:
    agent.answer = lambda *_: (500, b"No cluster leader")

    with pytest.raises(consul.ConsulError, match="No cluster leader"):
        source_at(agent).look("b", 0)
