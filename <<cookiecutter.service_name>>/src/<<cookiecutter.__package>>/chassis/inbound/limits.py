"""Limits of a request: the size of its body and the time it takes.

A caller with a shorter timeout sends it as `X-Request-Timeout-Ms`.
"""

import re

from flask import Flask, request
from pydantic import Field, PositiveFloat, PositiveInt
from werkzeug.exceptions import BadRequest

from .. import context
from ..context import TIMEOUT_HEADER
from ..settings import ExtensionSettings, Settings


class LimitSettings(ExtensionSettings):
    """Limits of a request."""

    timeout_seconds: PositiveFloat = Field(default=10, alias="REQUEST_TIMEOUT_SECONDS")
    """Longest duration of a request. A caller sets a shorter one with `X-Request-Timeout-Ms`."""
    max_body_bytes: PositiveInt = Field(default=1_048_576, alias="MAX_BODY_BYTES")
    """Largest request body; a larger one gets 413."""


def init_app(app: Flask, settings: Settings) -> None:
    """Reject larger bodies with 413, and start the deadline of every request."""
    limits = settings[LimitSettings]
    app.config["MAX_CONTENT_LENGTH"] = limits.max_body_bytes

    @app.before_request
    def start_deadline() -> None:
        context.start_deadline(min(limits.timeout_seconds, _caller_timeout()))

    @app.teardown_request
    def clear_deadline(_: BaseException | None) -> None:
        context.clear_deadline()  # the thread serves other requests


def _caller_timeout() -> float:
    """Return the seconds that the caller waits, infinity if it does not say."""
    header = request.headers.get(TIMEOUT_HEADER)
    if header is None:
        return float("inf")
    # Matched as text first: int() rejects thousands of digits with an error of its own.
    if not re.fullmatch("[0-9]{1,10}", header) or not 0 < int(header) < 2**31:
        raise BadRequest(f"{TIMEOUT_HEADER} is a whole number of milliseconds above 0.")
    return int(header) / 1000
