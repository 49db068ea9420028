"""The Flask application: who calls the service, and what every call passes on its way in."""

import os
from collections.abc import Mapping

from flask_openapi3 import Info, OpenAPI

from . import __doc__ as description
from . import bootstrap, settings
from .api import docs, health, policy, problems, rest
from .api.schemas import Problem
from .api.strict_json import StrictJSON
from .platform import access, auth, headers, lifecycle, limits, logs, metrics, shedding, telemetry
from .service import UseCases

ROOMS = (
    lifecycle,  # the others hang their readiness checks and their last words on it
    logs,  # begins a request: all that follows can log with its id
    telemetry,  # opens the span that everything below belongs to
    metrics,  # measures also what is refused below
    headers,
    limits,  # starts the clock before anything is waited for
    shedding,  # before any work is done: to check a token is work
    *bootstrap.ROOMS,  # what else this service has
    auth,  # nobody passes without a token
    problems,
    health,
    docs,
)


def create_app(
    environ: Mapping[str, str] | None = None,
    adapters: bootstrap.Adapters | None = None,
) -> OpenAPI:
    """Make the application, with the adapters of a running service unless others are given.

    Raises:
        SettingsError: lists every variable that is missing or wrong.
    """
    given = bootstrap.read_settings(os.environ if environ is None else environ)
    adapters = adapters or bootstrap.connect(given)
    app = OpenAPI(
        settings.SERVICE_NAME,
        info=Info(title=settings.SERVICE_NAME, version="1", description=description),
        security_schemes={
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        },
        doc_ui=False,
        static_folder=None,
        validation_error_model=Problem,
        validation_error_callback=problems.validation_problem,
    )
    app.json = StrictJSON(app)
    for room in ROOMS:
        room.init_app(app, given[room.Settings])
    access.install(app, policy.POLICY)
    life = lifecycle.lifecycle(app)
    life.checks |= adapters.checks
    life.at_stop.append(adapters.close)
    app.register_api(rest.blueprint(UseCases.on(adapters.unit_of_work, adapters.reader)))
    return app
