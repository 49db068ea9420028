from flask.testing import FlaskClient


def test_security_headers_are_on_every_response(client: FlaskClient) -> None:
    headers = client.get("/nowhere").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
