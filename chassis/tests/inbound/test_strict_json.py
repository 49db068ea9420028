import pytest
from flask.testing import FlaskClient

from support.app import URL


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ('{"name": NaN}', "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        ("[]", "application/json", 422),
        ('"{\\"name\\": \\"x\\"}"', "application/json", 422),
        ("name=x", "application/x-www-form-urlencoded", 415),
        ("{}" + " " * 1_048_576, "application/json", 413),
        ("{}", "application/json", 201),
    ],
    ids=["cut off", "NaN", "nested", "list", "string", "form", "too large", "object"],
)
def test_only_a_json_object_is_accepted(
    client: FlaskClient, data: str, content_type: str, status: int
) -> None:
    assert client.post(URL, data=data, content_type=content_type).status_code == status


def test_encoded_body_is_rejected(client: FlaskClient) -> None:
    response = client.post(URL, json={}, headers={"Content-Encoding": "gzip"})

    assert response.status_code == 400
    assert "Content-Encoding" in response.get_json()["detail"]
