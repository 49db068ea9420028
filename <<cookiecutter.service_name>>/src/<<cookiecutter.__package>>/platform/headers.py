"""Security headers on every answer (OWASP Secure Headers, for an API)."""

from flask import Flask, Response, request

from .environ import RoomSettings as Settings

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def init_app(app: Flask, settings: Settings) -> None:  # noqa: ARG001 (every room's signature)
    """Add the headers where a view has not set its own."""
    app.after_request(_harden)


def _harden(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
