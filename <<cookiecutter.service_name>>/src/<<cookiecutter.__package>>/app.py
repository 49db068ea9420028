"""The Flask application: the extensions that every request passes, in order, and the API."""

import os
from collections.abc import Mapping

from flask_openapi3 import Info, OpenAPI

from . import __doc__ as description
from . import bootstrap
from .api import policy, problems, rest, schemas
from .chassis import auth, inbound, lifecycle, observability
from .settings import SERVICE_NAME, read
from .use_cases import UseCases

EXTENSIONS = (
    lifecycle,  # other extensions register readiness and shutdown callbacks here
    observability.logs,  # sets the request id that all later log lines carry
    observability.traces,  # opens the span around everything below
    observability.metrics,  # measures rejected requests too
    inbound.security_headers,
    inbound.limits,  # starts the deadline before anything waits
    inbound.load_shedding,  # before any work; verifying a token is work
    bootstrap.TRANSPORT,
    auth,
    problems,
    inbound.health,
    inbound.api_docs,
)


def create_app(
    environ: Mapping[str, str] | None = None,
    adapters: bootstrap.Adapters | None = None,
) -> OpenAPI:
    """Return the application, by default with the adapters of a running service.

    Raises:
        SettingsError: lists every variable that is missing or wrong.
    """
    settings = read(os.environ if environ is None else environ)
    adapters = adapters or bootstrap.connect(settings)
    app = OpenAPI(
        SERVICE_NAME,
        info=Info(title=SERVICE_NAME, version="1", description=description),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        doc_ui=False,
        static_folder=None,
        validation_error_model=schemas.Problem,
        validation_error_callback=problems.validation_problem,
    )
    app.json = inbound.StrictJSON(app)
    for extension in EXTENSIONS:
        extension.init_app(app, settings)
    auth.use_policy(app, policy.POLICY)
    life = lifecycle.lifecycle(app)
    life.checks |= adapters.checks
    life.at_stop.append(adapters.close)
    app.register_api(rest.blueprint(UseCases.on(adapters.unit_of_work, adapters.reader)))
    return app
