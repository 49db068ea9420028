import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.discovery import Instance
from chassis.discovery.registry import etcd
from chassis.discovery.resolution.etcd import Source
from support.stub_server import StubServer, stub_server

LIST, WATCH = "POST /v3/kv/range", "POST /v3/watch"
VALUE = base64.b64encode(b'{"scheme": "https", "host": "10.0.0.1", "port": 8443}').decode()


def lines(*said: Any) -> bytes:
    return b"".join(json.dumps({"result": one}).encode() + b"\n" for one in said)


@pytest.fixture
def member() -> Iterator[StubServer]:
    with stub_server(lambda *_: (200, {"header": {"revision": "9"}, "kvs": [{"value": VALUE}]})) as it:
        yield it


def source_at(member: StubServer) -> Source:
    settings = etcd.EtcdSettings.model_validate({"ETCD_ENDPOINTS": member.url})
    return Source(etcd.Client(settings))


def test_lists_the_keys_with_the_prefix_of_the_service(member: StubServer) -> None:
    found, revision = source_at(member).look("b", 0)

    assert member.paths == [LIST]
    asked = {name: base64.b64decode(key) for name, key in member.asked[0][1].items()}
    assert asked == {"key": b"/services/b/", "range_end": b"/services/b0"}
    assert (found, revision) == ([Instance("https", "10.0.0.1", 8443)], 9)


@pytest.mark.parametrize(
    "news",
    [
        {"events": [{"type": "DELETE"}]},
        {"canceled": True, "compact_revision": "8"},
        None,
    ],
    ids=["event", "compacted", "error"],
)
def test_lists_again_after_a_change(member: StubServer, news: dict[str, Any] | None) -> None:
    listed = member.answer
    told = lines({"created": True}, news) if news else b'{"error": {"message": "no leader"}}\n'

    def answer(asked: str, body: Any) -> tuple[int, Any]:
        return (200, told) if asked == WATCH else listed(asked, body)

    member.answer = answer
    _, revision = source_at(member).look("b", 5)

    assert member.paths == [WATCH, LIST]
    assert member.asked[0][1]["create_request"]["start_revision"] == 6
    assert revision == 9


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"10.0.0.2:8000",
        b'{"host": "10.0.0.2"}',
        b'{"scheme": "http", "host": ["10.0.0.2"], "port": 8000}',
        b'{"scheme": "http", "host": "10.0.0.2", "port": "http"}',
        b"\xff",
    ],
)
def test_keys_that_are_no_instances_are_skipped(
    member: StubServer, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    key = base64.b64encode(b"/services/b/note").decode()
    other = {"key": key, "value": base64.b64encode(value).decode()}
    kvs = [other, {"key": key, "value": VALUE}]
    member.answer = lambda *_: (200, {"header": {"revision": "9"}, "kvs": kvs})

    assert source_at(member).look("b", 0)[0] == [Instance("https", "10.0.0.1", 8443)]
    assert caplog.messages == ["etcd: /services/b/note is not an instance"]


def test_an_error_is_raised(member: StubServer) -> None:
    member.answer = lambda *_: (503, b"no leader")

    with pytest.raises(etcd.EtcdError, match="no leader"):
        source_at(member).look("b", 5)


def test_no_keys_are_no_instances(member: StubServer) -> None:
    member.answer = lambda *_: (200, {"header": {"revision": "1"}})

    assert source_at(member).look("b", 0) == ([], 1)
