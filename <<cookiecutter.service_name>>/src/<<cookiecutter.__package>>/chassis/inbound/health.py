"""Health checks for the orchestrator's probes.

Live checks no dependency, so an outage elsewhere restarts nothing. Ready checks everything the
service cannot work without. Startup does the same until it has succeeded once.
"""

import logging
from collections.abc import Callable

from flask import Blueprint, Flask, Response
from pydantic_core import to_json

from ..auth import public
from ..lifecycle import Lifecycle, lifecycle
from ..settings import Settings

logger = logging.getLogger(__name__)


def init_app(app: Flask, settings: Settings) -> None:  # noqa: ARG001 (every extension's signature)
    """Serve `/health/live`, `/health/ready` and `/health/startup`."""
    life = lifecycle(app)
    started = False

    pages = Blueprint("health", __name__, url_prefix="/health")

    @pages.get("/live")
    @public
    def live() -> Response:
        return _report(200, "ok")

    @pages.get("/ready")
    @public
    def ready() -> Response:
        if life.draining:
            return _report(503, "draining")
        return _report_of(life)

    @pages.get("/startup")
    @public
    def startup() -> Response:
        nonlocal started
        if started:
            return _report(200, "ok")
        response = _report_of(life)
        started = response.status_code == 200
        return response

    app.register_blueprint(pages)


def _report_of(life: Lifecycle) -> Response:
    checks = {name: _result(name, check) for name, check in life.checks.items()}
    healthy = all(result["status"] == "ok" for result in checks.values())
    return _report(200 if healthy else 503, "ok" if healthy else "unavailable", checks)


def _result(name: str, check: Callable[[], None]) -> dict[str, str]:
    try:
        check()
    except Exception as error:
        logger.warning("The readiness check %s failed: %s", name, error)
        # The class of the error is enough to act on; its text may name hosts and users.
        return {"status": "unavailable", "reason": type(error).__name__}
    return {"status": "ok"}


def _report(status: int, text: str, checks: dict[str, dict[str, str]] | None = None) -> Response:
    body = to_json({"status": text, "checks": checks or {}})
    return Response(body, status, mimetype="application/json")
