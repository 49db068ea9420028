import json
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from << cookiecutter.__package >> import bootstrap
from << cookiecutter.__package >>.app import EXTENSIONS, create_app
from << cookiecutter.__package >>.chassis.auth import public
from << cookiecutter.__package >>.chassis.inbound import ServerSettings
from << cookiecutter.__package >>.chassis.settings import SettingsError
from << cookiecutter.__package >>.settings import MODELS, read

from ..conftest import ROOT, URL


@pytest.fixture
def app(environ: dict[str, str], adapters: bootstrap.Adapters) -> Flask:
    return create_app(environ, adapters)


def test_order_of_extensions() -> None:
    names = [extension.__name__.rpartition(".")[2] for extension in EXTENSIONS]
    names[EXTENSIONS.index(bootstrap.TRANSPORT)] = "transport"

    assert " ".join(names) == (
        "lifecycle logs traces metrics security_headers limits load_shedding transport auth "
        "problems health api_docs"
    )


def test_production_lists_every_missing_or_invalid_variable() -> None:
    invalid = {"ENVIRONMENT": "production", "PORT": "x", "AUTH_ISSUER": "urn:development"}

    with pytest.raises(SettingsError) as caught:
        read(invalid)

    named = {problem.partition(":")[0] for problem in caught.value.problems}
    assert named >= {"AUTH_AUDIENCE", "AUTH_ISSUER", "DATABASE_URL", "PORT"}


def test_empty_variables_count_as_unset() -> None:
    assert read({"PORT": ""})[ServerSettings].port == 8000


@pytest.mark.parametrize("file", [".env.example", "docs/configuration.md"])
def test_every_variable_is_described(file: str) -> None:
    variables = {field.alias for model in MODELS for field in model.model_fields.values()}
    words = set(re.findall(r"\w+", (ROOT / file).read_text("utf-8")))

    assert variables - words == set()


def test_committed_openapi_document_is_current(app: Flask) -> None:
    served = app.test_client().get("/openapi.json").get_json()

    assert json.loads((ROOT / "openapi.json").read_text("utf-8")) == served, "run: make openapi"


def test_bug_is_a_problem_without_details(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def secret() -> str:
        raise RuntimeError("password in a message")

    app.add_url_rule("/bug", view_func=public(secret))

    response = app.test_client().get("/bug")

    assert response.status_code == 500
    assert response.get_json()["code"] == "internal_error"
    assert "password" not in response.text
    assert "password in a message" in caplog.text


def test_problem_names_the_trace(client: FlaskClient) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"

    response = client.get("/nowhere", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})

    assert response.get_json()["trace_id"] == trace_id


@pytest.mark.parametrize("path", ["/nowhere", URL])
def test_requests_without_a_token_are_rejected(client: FlaskClient, path: str) -> None:
    client.environ_base.pop("HTTP_AUTHORIZATION")

    response = client.get(path)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert client.put(path).status_code == 401
