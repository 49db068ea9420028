from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ..conftest import URL


def create(client: FlaskClient, name: str = "first", **headers: str) -> TestResponse:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return client.post(URL, json={"name": name}, headers=named)


def body(response: TestResponse) -> dict[str, Any]:
    found: dict[str, Any] = response.get_json()
    return found


def assert_problem(response: TestResponse, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    problem = body(response)
    assert (problem["status"], problem["code"]) == (status, code)
    assert {"type", "title", "detail", "instance", "trace_id"} <= problem.keys()


def test_creates_and_says_where(client: FlaskClient) -> None:
    response = create(client)

    assert response.status_code == 201
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Location"] == f"{URL}/{body(response)['id']}"
    assert client.get(response.headers["Location"]).get_json() == body(response)
    assert body(response)["created_at"].endswith("Z")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": ""},
        {"name": "x" * 121},
        {"name": None},
        {"name": 1},
        {"name": "a\0b"},
        {"name": "x", "description": "x" * 2001},
        {"name": "x", "unknown": 1},
        {"name": "x", "id": str(uuid4())},
    ],
)
def test_refuses_what_does_not_fit_and_says_where(
    client: FlaskClient, given: dict[str, object]
) -> None:
    response = client.post(URL, json=given)

    assert_problem(response, 422, "validation_failed")
    assert body(response)["errors"][0]["pointer"].startswith("#/")


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        ("{", "application/json", 400, "bad_request"),
        ('{"name": NaN}', "application/json", 400, "bad_request"),
        ("[" * 100_000, "application/json", 400, "bad_request"),
        ("[]", "application/json", 422, "unprocessable_content"),
        ('"{\\"name\\": \\"x\\"}"', "application/json", 422, "unprocessable_content"),
        ("name=x", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("{}" + " " * 1_048_576, "application/json", 413, "content_too_large"),
    ],
)
def test_refuses_what_is_no_json_object(
    client: FlaskClient, data: str, kind: str, status: int, code: str
) -> None:
    assert_problem(client.post(URL, data=data, content_type=kind), status, code)


def test_the_same_key_gets_the_first_answer_again(client: FlaskClient) -> None:
    first = create(client, Idempotency_Key="k")
    client.patch(
        first.headers["Location"],
        json={"name": "changed"},
        headers={"If-Match": '"1"'},
    )
    second = create(client, Idempotency_Key="k")

    assert second.status_code == 201
    assert second.data == first.data
    assert second.headers["ETag"] == first.headers["ETag"]
    assert len(body(client.get(URL))["items"]) == 1


def test_the_same_key_with_another_body_is_refused(client: FlaskClient) -> None:
    create(client, Idempotency_Key="k")

    response = create(client, "second", Idempotency_Key="k")

    assert_problem(response, 422, "idempotency_key_reused")


def test_a_key_counts_for_its_caller_only(
    client: FlaskClient, make_token: Callable[..., str]
) -> None:
    create(client, Idempotency_Key="k")

    other = create(
        client,
        "second",
        Idempotency_Key="k",
        Authorization=f"Bearer {make_token(sub='bob')}",
    )

    assert other.status_code == 201


def test_lists_in_pages(client: FlaskClient) -> None:
    for number in range(5):
        create(client, f"n{number}")

    names, cursor = [], ""
    for _ in range(3):
        page = body(client.get(f"{URL}?limit=2{cursor}"))
        names += [item["name"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"

    assert names == ["n0", "n1", "n2", "n3", "n4"]
    assert page["next_cursor"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor="])
def test_refuses_a_page_that_cannot_be(client: FlaskClient, query: str) -> None:
    assert_problem(client.get(f"{URL}?{query}"), 422, "validation_failed")


def test_changes_what_the_caller_has_seen(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    response = client.patch(where, json={"description": "new"}, headers={"If-Match": '"1"'})

    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    assert (body(response)["name"], body(response)["description"]) == ("first", "new")


def test_a_change_needs_the_current_version(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    assert_problem(client.patch(where, json={}), 428, "precondition_required")
    stale = client.patch(where, json={"name": "x"}, headers={"If-Match": '"7"'})
    assert_problem(stale, 412, "version_mismatch")
    weak = client.patch(where, json={"name": "x"}, headers={"If-Match": 'W/"1"'})
    assert_problem(weak, 412, "version_mismatch")
    any_version = client.patch(where, json={"name": "x"}, headers={"If-Match": "*"})
    assert any_version.status_code == 200


def test_a_name_cannot_be_cleared(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    response = client.patch(where, json={"name": None}, headers={"If-Match": "*"})

    assert_problem(response, 422, "validation_failed")


def test_a_known_version_is_not_sent_again(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    response = client.get(where, headers={"If-None-Match": '"1"'})

    assert response.status_code == 304
    assert response.data == b""


def test_deletes(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    assert_problem(client.delete(where, headers={"If-Match": '"7"'}), 412, "version_mismatch")
    assert client.delete(where).status_code == 204
    assert_problem(client.delete(where), 404, "not_found")


def test_what_does_not_exist_is_a_problem_too(client: FlaskClient) -> None:
    assert_problem(client.get(f"{URL}/{uuid4()}"), 404, "not_found")
    assert_problem(client.get(f"{URL}/no-uuid"), 404, "not_found")
    assert_problem(client.get("/nowhere"), 404, "not_found")
    response = client.put(URL)
    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
