import pytest
from flask import Flask
from flask.testing import FlaskClient

from << cookiecutter.__package >>.api.policy import POLICY
from << cookiecutter.__package >>.app import create_app
from << cookiecutter.__package >>.bootstrap import in_memory
from << cookiecutter.__package >>.platform import access

from ..conftest import READ, URL, MakeToken


@pytest.fixture
def app(environ: dict[str, str]) -> Flask:
    return create_app(environ, in_memory())


def test_every_view_is_either_public_or_in_the_table(app: Flask) -> None:
    for endpoint in app.view_functions:
        assert access.is_public(app, endpoint) != (endpoint in access.rules(app)), endpoint


def test_the_table_knows_no_other_views(app: Flask) -> None:
    assert set(access.rules(app)) <= set(app.view_functions)


def test_only_a_caller_in_the_table_passes(environ: dict[str, str], make_token: MakeToken) -> None:
    app = create_app(environ, in_memory())
    only_checkout = access.Rule(READ, {"checkout"})
    access.install(app, {name: dict.fromkeys(POLICY[name], only_checkout) for name in POLICY})
    client = app.test_client()

    def status(**claims: str) -> int:
        token = make_token(READ, **claims)
        return client.get(URL, headers={"Authorization": f"Bearer {token}"}).status_code

    assert status(client_id="checkout") == 200
    assert status(azp="checkout") == 200
    assert status(client_id="check") == 403
    assert status(client_id="other", azp="checkout") == 403
    assert status(sub="checkout") == 403


def test_a_lone_name_is_no_set_of_callers() -> None:
    with pytest.raises(TypeError, match="are a set"):
        access.Rule(READ, "checkout")  # type: ignore[arg-type]


def test_who_is_not_in_the_table_learns_it(client: FlaskClient) -> None:
    nobody = access.Rule(READ, frozenset())
    app = client.application
    access.install(app, {name: dict.fromkeys(POLICY[name], nobody) for name in POLICY})

    refused = client.get(URL)

    assert refused.status_code == 403
    assert refused.get_json()["code"] == "caller_not_allowed"
    assert "WWW-Authenticate" not in refused.headers


def test_the_table_can_be_listed(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["policy"])

    lines = {" ".join(line.split()) for line in result.output.splitlines()}
    assert f"GET {URL} {READ} from any" in lines
    assert "GET /health/live everybody" in lines
