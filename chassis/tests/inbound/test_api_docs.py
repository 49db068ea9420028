import pytest
from flask.testing import FlaskClient
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from chassis import inbound
from chassis.settings import Settings


@pytest.fixture
def client() -> FlaskClient:
    app = OpenAPI("orders", info=Info(title="orders", version="1"), doc_ui=False)
    app.json = inbound.StrictJSON(app)
    inbound.api_docs.init_app(app, Settings({}, {}, []))
    return app.test_client()


def test_document_is_served(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()

    assert (document["openapi"], document["info"]["title"]) == ("3.1.0", "orders")


def test_page_loads_nothing_from_other_hosts(client: FlaskClient) -> None:
    page = client.get("/docs")

    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert "//" not in page.text.replace("<!doctype html>", "")
    for asset in ("assets/css/swagger-ui.css", "assets/js/swagger-ui-bundle.js", "start.js"):
        assert f'"/docs/{asset}"' in page.text
        with client.get(f"/docs/{asset}") as response:
            assert response.status_code == 200
