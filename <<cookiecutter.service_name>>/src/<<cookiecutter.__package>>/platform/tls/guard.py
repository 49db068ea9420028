"""The guard of the two doors: who shows no certificate sees what is public, and nothing else.

It checks names, not tokens: those come after it, and both have to fit the policy.
"""

from flask import Flask, g, request
from werkzeug.exceptions import Forbidden

from .. import access
from ..lifecycle import lifecycle
from .door import CLIENT, Door
from .settings import TlsSettings
from .spiffe import SpiffeId


class ClientCertificateRequired(Forbidden):
    """The call came to the plain port."""

    problem_code = "client_certificate_required"

    def __init__(self, port: int) -> None:
        super().__init__(f"Call port {port} by https, and show a certificate there.")


class CallerNotAllowed(Forbidden):
    """The certificate is valid, but whom it names may not call this."""

    problem_code = "caller_not_allowed"


def init_app(app: Flask, settings: TlsSettings) -> None:
    """Open the second door when the process serves, and guard both; without TLS do nothing."""
    if not settings.enabled:
        return
    door = Door(app, settings)
    lifecycle(app).at_start.append(door.open)
    lifecycle(app).checks["certificate"] = door.followed.check
    trust_domain = settings.trust_domain

    @app.before_request
    def guard() -> None:
        if access.is_public(app, request.endpoint):
            return
        if CLIENT not in request.environ:
            raise ClientCertificateRequired(settings.port)
        service = _known(request.environ[CLIENT], trust_domain)
        g.log_fields = {"tls_client": service}
        rule = access.rules(app).get(request.endpoint or "")
        if rule and service not in rule.callers:
            raise CallerNotAllowed(f"The service {service} is not among the callers of this.")


def _known(client: object, trust_domain: str) -> str:
    """Give the name of a service that is of our trust domain."""
    if not isinstance(client, SpiffeId):
        raise CallerNotAllowed(f"The certificate {client}.")
    if client.trust_domain != trust_domain:
        raise CallerNotAllowed(f"{client} is not of the trust domain {trust_domain}.")
    return client.service
