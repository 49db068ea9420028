from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from support.app import URL


def test_requests_are_counted_by_route(client: FlaskClient) -> None:
    client.get(f"{URL}/01890000-0000-7000-8000-000000000000")
    client.get("/some/where")

    text = client.get("/metrics").text

    assert f'http_response_status_code="404",http_route="{URL}/<uuid:key>"' in text
    assert 'http_response_status_code="404",http_route="unmatched"' in text
    assert "/some/where" not in text


def test_the_gauges_of_a_dead_worker_are_removed(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_dead = tmp_path / "gauge_livesum_4194305.db"  # no process has a larger number
    of_the_dead.touch()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    assert app.test_client().get("/metrics").status_code == 200

    assert not of_the_dead.exists()
