import pytest
from flask import Flask
from flask.testing import FlaskClient

from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import Adapters
from << cookiecutter.__package >>.chassis import auth

from ..conftest import READ, URL, WRITE, MakeToken


@pytest.fixture
def app(environ: dict[str, str], adapters: Adapters) -> Flask:
    return create_app(environ, adapters)


def test_every_view_is_either_public_or_has_a_rule(app: Flask) -> None:
    for endpoint in app.view_functions:
        assert auth.is_public(app, endpoint) != (endpoint in auth.rules(app)), endpoint
    assert set(auth.rules(app)) <= set(app.view_functions)


def test_missing_scope_is_forbidden_and_named(client: FlaskClient, make_token: MakeToken) -> None:
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token(READ)}"

    response = client.post(URL, json={"name": "x"})

    assert response.status_code == 403
    assert "insufficient_scope" in response.headers["WWW-Authenticate"]
    assert WRITE in response.headers["WWW-Authenticate"]


def test_rules_are_listed(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["policy"])

    lines = {" ".join(line.split()) for line in result.output.splitlines()}
    assert f"GET {URL} {READ} from any" in lines
    assert "GET /health/live public" in lines
