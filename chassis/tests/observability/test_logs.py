import json
import logging

import pytest
from flask.testing import FlaskClient

from chassis import context
from chassis.observability.logs import JsonFormatter
from support.app import LIVE


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-1.2:3", True), ("a b", False), ("x" * 129, False), ("", False)]
)
def test_a_plain_request_id_is_kept(client: FlaskClient, sent: str, kept: bool) -> None:
    response = client.get(LIVE, headers={"X-Request-ID": sent})

    assert (response.headers["X-Request-ID"] == sent) is kept
    assert response.headers["X-Request-ID"]
    assert context.request_id() is None


def test_a_log_line_is_json_with_its_request() -> None:
    record = logging.makeLogRecord({"msg": "hello %s", "args": ("world",), "levelname": "INFO"})
    record.__dict__["peer"] = "inventory"
    context.set_request_id("r1")

    line = json.loads(JsonFormatter("orders").format(record))

    assert line["message"] == "hello world"
    assert line["service"] == "orders"
    assert (line["request_id"], line["peer"]) == ("r1", "inventory")
