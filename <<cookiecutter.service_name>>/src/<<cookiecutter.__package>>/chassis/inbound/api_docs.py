"""API documentation: OpenAPI 3.1 on `/openapi.json`, Swagger UI on `/docs`.

Swagger UI comes from an installed package, so the page loads nothing from other hosts.
"""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory
from flask.typing import ResponseReturnValue
from flask_openapi3.openapi import OpenAPI

from ..auth import public
from ..settings import Settings

_ASSETS = Path(str(files("flask_openapi3_swagger"))) / "templates" / "swagger"
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>API</title>
<link rel="stylesheet" href="/docs/assets/css/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/docs/assets/js/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_SCRIPT = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true});
"""


def init_app(app: Flask, settings: Settings) -> None:  # noqa: ARG001 (every extension's signature)
    """Serve the document and the page."""
    pages = Blueprint("docs", __name__)

    @pages.get("/openapi.json")
    @public
    def description() -> ResponseReturnValue:
        assert isinstance(app, OpenAPI)  # noqa: S101 (narrows the type)
        return app.json.response(app.api_doc)

    @pages.get("/docs")
    @public
    def page() -> Response:
        headers = {"Content-Security-Policy": _POLICY}
        return Response(_PAGE, mimetype="text/html", headers=headers)

    @pages.get("/docs/start.js")
    @public
    def script() -> Response:
        return Response(_SCRIPT, mimetype="text/javascript")

    @pages.get("/docs/assets/<path:name>")
    @public
    def asset(name: str) -> Response:
        return send_from_directory(_ASSETS, name, max_age=3600)

    app.register_blueprint(pages)
