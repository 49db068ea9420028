import json
import logging
import time
from pathlib import Path

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from opentelemetry import trace

from << cookiecutter.__package >> import bootstrap
from << cookiecutter.__package >>.app import ROOMS, create_app
from << cookiecutter.__package >>.bootstrap import in_memory
from << cookiecutter.__package >>.platform import auth, deadline
from << cookiecutter.__package >>.platform.access import public
from << cookiecutter.__package >>.platform.environ import SettingsError
from << cookiecutter.__package >>.platform.lifecycle import lifecycle
from << cookiecutter.__package >>.platform.logs import JsonFormatter
from << cookiecutter.__package >>.settings import KINDS, ServerSettings, read

from ..conftest import URL

ROOT = Path(__file__).parents[2]
PRODUCTION = {
    "AUTH_AUDIENCE": "<< cookiecutter.service_name >>",
    "AUTH_ISSUER": "https://issuer.test",
    "AUTH_JWKS_URL": "https://issuer.test/jwks.json",
    "DATABASE_URL": "sqlite:////data/<< cookiecutter.__package >>.db",
    "ENVIRONMENT": "production",
}


@pytest.fixture
def app(environ: dict[str, str]) -> Flask:
    return create_app(environ, in_memory())


def test_the_order_of_the_rooms() -> None:
    named = [room.__name__.rpartition(".")[2] for room in ROOMS if room not in bootstrap.ROOMS]

    assert named == [
        "lifecycle",
        "logs",
        "telemetry",
        "metrics",
        "headers",
        "limits",
        "shedding",
        "auth",
        "problems",
        "health",
        "docs",
    ]


def test_production_lists_all_that_is_missing_or_wrong() -> None:
    wrong = {"ENVIRONMENT": "production", "PORT": "x", "AUTH_ISSUER": "urn:development"}

    with pytest.raises(SettingsError) as caught:
        read(wrong)

    named = {problem.partition(":")[0] for problem in caught.value.problems}
    assert named == {"AUTH_AUDIENCE", "AUTH_ISSUER", "DATABASE_URL", "PORT"}


def test_no_time_is_endless() -> None:
    with pytest.raises(SettingsError, match=r"REQUEST_TIMEOUT_SECONDS: .* finite"):
        read({"REQUEST_TIMEOUT_SECONDS": "inf"})


@pytest.mark.parametrize("url", ["file:.dev/jwks.json", "http://issuer.test/jwks.json"])
def test_production_takes_keys_from_a_trustworthy_place_only(url: str) -> None:
    with pytest.raises(SettingsError, match="AUTH_JWKS_URL: needs an https:// address"):
        read(PRODUCTION | {"AUTH_JWKS_URL": url})


def test_an_issuer_says_itself_where_its_keys_are() -> None:
    given = {name: value for name, value in PRODUCTION.items() if name != "AUTH_JWKS_URL"}

    assert read(given)[auth.Settings].jwks_url is None
    with pytest.raises(SettingsError, match="AUTH_JWKS_URL: is needed"):
        read(given | {"AUTH_ISSUER": "http://issuer.test"})


def test_production_starts_with_what_it_needs() -> None:
    assert read(PRODUCTION)[ServerSettings].environment == "production"


def test_a_value_may_come_as_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("https://issuer.test/jwks.json\n")
    given = {name: value for name, value in PRODUCTION.items() if name != "AUTH_JWKS_URL"}

    settings = read(given | {"AUTH_JWKS_URL_FILE": str(secret)})

    assert settings[auth.Settings].jwks_url == "https://issuer.test/jwks.json"


def test_production_says_what_is_wrong_with_a_file() -> None:
    wrong = {"AUTH_JWKS_URL_FILE": "/etc/hostname", "DATABASE_URL_FILE": "/run/secrets/none"}
    given = {name: value for name, value in PRODUCTION.items() if name != "DATABASE_URL"}

    with pytest.raises(SettingsError) as caught:
        read(given | wrong)

    twice, missing, _ = caught.value.problems
    assert twice == "AUTH_JWKS_URL_FILE: AUTH_JWKS_URL is given too; leave one of them out"
    assert missing.startswith("DATABASE_URL_FILE: can't be read: ")


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL: oracle:// is none"):
        create_app({"DATABASE_URL": "oracle://somewhere/else"})


def test_every_variable_is_documented() -> None:
    variables = {field.alias for kind in KINDS for field in kind.model_fields.values()}
    documented = (ROOT / "docs" / "configuration.md").read_text("utf-8")

    assert {name for name in variables if f"`{name}`" not in documented} == set()


def test_the_committed_description_is_current(app: Flask) -> None:
    served = app.test_client().get("/openapi.json").get_json()

    assert json.loads((ROOT / "openapi.json").read_text("utf-8")) == served, "run: make openapi"


def test_the_documentation_loads_nothing_from_elsewhere(app: Flask) -> None:
    client = app.test_client()

    page = client.get("/docs")

    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype html>", "")
    for asset in ("css/swagger-ui.css", "js/swagger-ui-bundle.js"):
        assert f'"/docs/assets/{asset}"' in page.text
        with client.get(f"/docs/assets/{asset}") as response:
            assert response.status_code == 200


def test_live_asks_nobody_and_ready_asks_everybody(app: Flask) -> None:
    def broken() -> None:
        raise ConnectionError("db.internal does not answer")

    lifecycle(app).checks["database"] = broken
    client = app.test_client()

    ready = client.get("/health/ready")

    assert client.get("/health/live").status_code == 200
    assert client.get("/health/startup").status_code == 503
    assert ready.status_code == 503
    assert ready.get_json()["checks"]["database"] == {
        "status": "unavailable",
        "reason": "ConnectionError",
    }


def test_startup_stays_done(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/health/startup").status_code == 200

    lifecycle(app).checks["database"] = lambda: 1 / 0  # type: ignore[assignment]

    assert client.get("/health/startup").status_code == 200


def test_a_draining_process_is_not_ready_and_closes_connections(app: Flask) -> None:
    lifecycle(app).drain()

    response = app.test_client().get("/health/ready")

    assert response.status_code == 503
    assert response.get_json()["status"] == "draining"
    assert response.headers["Connection"] == "close"


def test_a_process_stops_in_the_reverse_order_of_its_making(app: Flask) -> None:
    done: list[int] = []
    lifecycle(app).at_stop += [lambda: done.append(1), lambda: done.append(2)]

    lifecycle(app).stop()

    assert done == [2, 1]


def test_a_bug_is_a_problem_without_a_trace_of_the_code(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def secret() -> str:
        raise RuntimeError("password in a message")

    app.add_url_rule("/bug", view_func=public(secret))

    response = app.test_client().get("/bug")

    assert response.status_code == 500
    assert response.get_json()["code"] == "internal_error"
    assert "password" not in response.text
    assert "password in a message" in caplog.text


def test_the_callers_trace_goes_on(client: FlaskClient) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"

    response = client.get("/nowhere", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})

    assert response.get_json()["trace_id"] == trace_id
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-1.2:3", True), ("a b", False), ("x" * 129, False), ("", False)]
)
def test_a_plain_request_id_is_taken_over(client: FlaskClient, sent: str, kept: bool) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": sent})

    assert (response.headers["X-Request-ID"] == sent) is kept
    assert response.headers["X-Request-ID"]


def test_a_log_line_is_json_with_its_request(app: Flask) -> None:
    record = logging.makeLogRecord({"msg": "hello %s", "args": ("world",), "levelname": "INFO"})
    record.__dict__["peer"] = "inventory"

    with app.test_request_context():
        g.request_id = "r1"
        line = json.loads(JsonFormatter("<< cookiecutter.service_name >>").format(record))

    assert line["message"] == "hello world"
    assert line["service"] == "<< cookiecutter.service_name >>"
    assert (line["request_id"], line["peer"]) == ("r1", "inventory")


def test_requests_are_counted_by_route(client: FlaskClient) -> None:
    client.get(f"{URL}/01890000-0000-7000-8000-000000000000")
    client.get("/some/where")

    text = client.get("/metrics").text

    assert f'http_response_status_code="404",http_route="{URL}/<uuid:id>"' in text
    assert 'http_response_status_code="404",http_route="unmatched"' in text
    assert "/some/where" not in text


@pytest.mark.parametrize("given", ["0", "-1", "x", "1.5", "500,500", "9" * 5000])
def test_the_time_a_caller_waits_is_a_number(client: FlaskClient, given: str) -> None:
    response = client.get(URL, headers={"X-Request-Timeout-Ms": given})

    assert response.status_code == 400


def test_a_request_s_time_ends_with_it(client: FlaskClient) -> None:
    assert client.get(URL).status_code == 200

    assert deadline.remaining() is None


def test_no_time_is_left_after_the_deadline() -> None:
    deadline.start(0.001)
    time.sleep(0.002)

    with pytest.raises(deadline.DeadlineExceeded):
        deadline.check()


def test_security_headers_are_on_every_answer(client: FlaskClient) -> None:
    headers = client.get("/nowhere").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
