from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ..conftest import URL, MakeToken


def create(client: FlaskClient, name: str = "first", **headers: str) -> TestResponse:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return client.post(URL, json={"name": name}, headers=named)


def body(response: TestResponse) -> dict[str, Any]:
    content: dict[str, Any] = response.get_json()
    return content


def assert_problem(response: TestResponse, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    problem = body(response)
    assert (problem["status"], problem["code"]) == (status, code)
    assert {"type", "title", "detail", "instance", "trace_id"} <= problem.keys()


def test_creates_and_returns_the_location(client: FlaskClient) -> None:
    response = create(client)

    assert response.status_code == 201
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Location"] == f"{URL}/{body(response)['id']}"
    assert client.get(response.headers["Location"]).get_json() == body(response)
    assert body(response)["created_at"].endswith("Z")


@pytest.mark.parametrize(
    "values",
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
def test_rejects_invalid_values_and_names_them(client: FlaskClient, values: dict[str, object]) -> None:
    response = client.post(URL, json=values)

    assert_problem(response, 422, "validation_failed")
    assert body(response)["errors"][0]["pointer"].startswith("#/")


def test_rejects_what_is_not_a_json_object(client: FlaskClient) -> None:
    assert_problem(client.post(URL, data="{", content_type="application/json"), 400, "bad_request")
    assert_problem(client.post(URL, json=[]), 422, "unprocessable_content")


def test_same_key_returns_the_first_response(client: FlaskClient) -> None:
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


def test_same_key_with_another_body_is_rejected(client: FlaskClient) -> None:
    create(client, Idempotency_Key="k")

    response = create(client, "second", Idempotency_Key="k")

    assert_problem(response, 422, "idempotency_key_reused")


def test_key_belongs_to_its_caller(client: FlaskClient, make_token: MakeToken) -> None:
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
def test_rejects_an_invalid_page(client: FlaskClient, query: str) -> None:
    assert_problem(client.get(f"{URL}?{query}"), 422, "validation_failed")


def test_changes_the_version_that_the_caller_has_read(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    response = client.patch(where, json={"description": "new"}, headers={"If-Match": '"1"'})

    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    assert (body(response)["name"], body(response)["description"]) == ("first", "new")


def test_change_needs_the_current_version(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    assert_problem(client.patch(where, json={}), 428, "precondition_required")
    stale = client.patch(where, json={"name": "x"}, headers={"If-Match": '"7"'})
    assert_problem(stale, 412, "version_mismatch")
    weak = client.patch(where, json={"name": "x"}, headers={"If-Match": 'W/"1"'})
    assert_problem(weak, 412, "version_mismatch")
    any_version = client.patch(where, json={"name": "x"}, headers={"If-Match": "*"})
    assert any_version.status_code == 200


def test_name_cannot_be_cleared(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    response = client.patch(where, json={"name": None}, headers={"If-Match": "*"})

    assert_problem(response, 422, "validation_failed")


def test_unchanged_version_is_not_sent_again(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    response = client.get(where, headers={"If-None-Match": '"1"'})

    assert response.status_code == 304
    assert response.data == b""


def test_deletes(client: FlaskClient) -> None:
    where = create(client).headers["Location"]

    assert_problem(client.delete(where, headers={"If-Match": '"7"'}), 412, "version_mismatch")
    assert client.delete(where).status_code == 204
    assert_problem(client.delete(where), 404, "not_found")


def test_missing_resource_is_a_problem(client: FlaskClient) -> None:
    assert_problem(client.get(f"{URL}/{uuid4()}"), 404, "not_found")
    assert_problem(client.get(f"{URL}/no-uuid"), 404, "not_found")
    assert_problem(client.get("/nowhere"), 404, "not_found")
    response = client.put(URL)
    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
