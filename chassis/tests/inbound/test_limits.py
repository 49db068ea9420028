import pytest
from flask.testing import FlaskClient

from chassis import context
from support.app import URL


@pytest.mark.parametrize("given", ["0", "-1", "x", "1.5", "500,500", "9" * 5000])
def test_the_timeout_of_a_caller_is_a_number(client: FlaskClient, given: str) -> None:
    response = client.get(URL, headers={"X-Request-Timeout-Ms": given})

    assert response.status_code == 400


def test_the_deadline_of_a_request_ends_with_it(client: FlaskClient) -> None:
    left: list[float | None] = []
    client.application.before_request(lambda: left.append(context.remaining_seconds()))

    assert client.get(URL, headers={"X-Request-Timeout-Ms": "500"}).status_code == 200
    assert client.get(URL).status_code == 200

    assert 0 < (left[0] or 0) <= 0.5 < 9 < (left[1] or 0) <= 10
    assert context.remaining_seconds() is None


def test_a_larger_body_is_rejected(client: FlaskClient) -> None:
    assert client.post(URL, json={"name": "x"}).status_code == 201
    assert client.post(URL, json={"name": "x" * 1_048_576}).status_code == 413
