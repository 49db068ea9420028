import pytest
from flask import Flask

from chassis import inbound, lifecycle
from chassis.lifecycle import Lifecycle
from chassis.settings import Settings


@pytest.fixture
def app() -> Flask:
    app = Flask("orders", static_folder=None)
    for extension in (lifecycle, inbound.health):
        extension.init_app(app, Settings({}, {}, []))
    return app


@pytest.fixture
def life(app: Flask) -> Lifecycle:
    return lifecycle.lifecycle(app)


def test_live_checks_no_dependency_and_ready_checks_all(app: Flask, life: Lifecycle) -> None:
    def broken() -> None:
        raise ConnectionError("db.internal does not answer")

    life.checks |= {"database": broken, "other": lambda: None}
    client = app.test_client()

    ready = client.get("/health/ready")

    assert client.get("/health/live").get_json() == {"status": "ok", "checks": {}}
    assert client.get("/health/startup").status_code == 503
    assert ready.status_code == 503
    assert ready.get_json() == {
        "status": "unavailable",
        "checks": {
            "database": {"status": "unavailable", "reason": "ConnectionError"},
            "other": {"status": "ok"},
        },
    }


def test_startup_stays_successful(app: Flask, life: Lifecycle) -> None:
    client = app.test_client()
    assert client.get("/health/startup").status_code == 200

    life.checks["database"] = lambda: 1 / 0  # type: ignore[assignment]

    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/startup").status_code == 200


def test_draining_process_is_not_ready(app: Flask, life: Lifecycle) -> None:
    life.drain()

    response = app.test_client().get("/health/ready")

    assert response.status_code == 503
    assert response.get_json()["status"] == "draining"
    assert response.headers["Connection"] == "close"
