"""A small application on the chassis, with its extensions in the order of a service."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from chassis import auth, inbound, lifecycle, observability, plaintext
from chassis.settings import ExtensionSettings, Settings

SERVICE = "orders"
ISSUER = "https://issuer.test"
READ, WRITE = "orders:read", "orders:write"
URL = "/api/v1/orders"
LIVE = "/health/live"
MakeToken = Callable[..., str]
POLICY = {
    "orders": {
        "list_orders": auth.Rule(READ),
        "create_order": auth.Rule(WRITE),
        "get_order": auth.Rule(READ),
    }
}

_MODELS: tuple[type[ExtensionSettings], ...] = (
    inbound.ServerSettings,
    inbound.LoadSheddingSettings,
    inbound.LimitSettings,
    auth.AuthSettings,
    observability.ResourceSettings,
    observability.LogSettings,
    observability.TraceSettings,
)


def read(environ: Mapping[str, str], *more: type[ExtensionSettings]) -> Settings:
    """Return the settings of the application, and of these models."""
    values = {name: value for name, value in environ.items() if value}
    return Settings({"OTEL_SERVICE_NAME": SERVICE}, values, (*_MODELS, *more))


def create_app(environ: Mapping[str, str], transport: ModuleType = plaintext) -> Flask:
    """Return the application."""
    settings = read(environ, *transport.SETTINGS)
    app = Flask(SERVICE, static_folder=None)
    app.json = inbound.StrictJSON(app)
    for extension in (
        lifecycle,
        observability.logs,
        observability.traces,
        observability.metrics,
        inbound.security_headers,
        inbound.limits,
        inbound.load_shedding,
        transport,
        auth,
    ):
        extension.init_app(app, settings)
    auth.use_policy(app, POLICY)
    app.register_error_handler(HTTPException, _answer_error)
    app.add_url_rule(LIVE, "live", _live)
    app.register_blueprint(_orders())
    return app


@auth.public
def _live() -> dict[str, str]:
    return {"status": "ok"}


def _orders() -> Blueprint:
    blueprint = Blueprint("orders", __name__, url_prefix=URL)
    blueprint.before_request(inbound.read_json_object)

    @blueprint.get("")
    def list_orders() -> dict[str, Any]:
        if request.args.get("limit") == "0":
            abort(422)
        return {"items": []}

    @blueprint.post("")
    def create_order() -> tuple[dict[str, Any], int]:
        return request.get_json(), 201

    @blueprint.get("/<uuid:key>")
    def get_order(key: UUID) -> dict[str, Any]:
        abort(404, f"There is no order {key}.")

    return blueprint


def _answer_error(error: HTTPException) -> Response:
    """Answer as a service does: its problems carry the code that an exception names."""
    response = jsonify(code=getattr(error, "problem_code", error.name), detail=error.description)
    response.status_code = error.code or 500
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response
