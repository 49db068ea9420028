"""The guard of both listeners: without a client certificate only public views are allowed.

It checks the name of the calling service; the token is checked next, and the policy has to allow both.
"""

from flask import Flask, g, request
from werkzeug.exceptions import Forbidden

from ..auth import is_public, rules
from ..lifecycle import lifecycle
from ..settings import Settings
from .listener import CLIENT, Listener
from .settings import MtlsSettings, endpoint
from .spiffe import SpiffeId


class ClientCertificateRequired(Forbidden):
    """The request arrived on the plain port."""

    problem_code = "client_certificate_required"

    def __init__(self, port: int) -> None:
        super().__init__(f"Call port {port} over HTTPS, with a client certificate.")


class CallerNotAllowed(Forbidden):
    """The certificate is valid, but the policy does not allow its service."""

    problem_code = "caller_not_allowed"


def init_app(app: Flask, settings: Settings) -> None:
    """Open the TLS listener when the process serves, and guard both; do nothing without TLS."""
    tls = settings[MtlsSettings]
    if not tls.enabled:
        return
    endpoint(settings)  # rejects the same port for both listeners
    listener = Listener(app, settings)
    lifecycle(app).at_start.append(listener.open)
    lifecycle(app).checks["certificate"] = listener.context.check
    trust_domain = tls.trust_domain

    @app.before_request
    def guard() -> None:
        if is_public(app, request.endpoint):
            return
        if CLIENT not in request.environ:
            raise ClientCertificateRequired(tls.port)
        service = _known(request.environ[CLIENT], trust_domain)
        g.log_fields = {"tls_client": service}
        rule = rules(app).get(request.endpoint or "")
        if rule and service not in rule.callers:
            raise CallerNotAllowed(f"The service {service} is not an allowed caller.")


def _known(client: object, trust_domain: str) -> str:
    """Return the name of a service in our trust domain."""
    if not isinstance(client, SpiffeId):
        raise CallerNotAllowed(f"The certificate {client}.")
    if client.trust_domain != trust_domain:
        raise CallerNotAllowed(f"{client} is not in the trust domain {trust_domain}.")
    return client.service
