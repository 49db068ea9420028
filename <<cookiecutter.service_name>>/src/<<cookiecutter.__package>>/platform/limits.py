"""Limits on what a request may cost: the size of its body and the time it takes.

A caller that waits for less than the limit says so with `X-Request-Timeout-Ms`.
"""

import re

from flask import Flask, request
from pydantic import Field, PositiveFloat, PositiveInt
from werkzeug.exceptions import BadRequest

from . import deadline
from .environ import RoomSettings

TIMEOUT_HEADER = "X-Request-Timeout-Ms"


class Settings(RoomSettings):
    """The limits: bytes and seconds."""

    max_body_bytes: PositiveInt = Field(default=1_048_576, alias="MAX_BODY_BYTES")
    timeout_seconds: PositiveFloat = Field(default=10, alias="REQUEST_TIMEOUT_SECONDS")


def init_app(app: Flask, settings: Settings) -> None:
    """Refuse larger bodies with 413, and start the clock of every request."""
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes

    @app.before_request
    def start_clock() -> None:
        deadline.start(min(settings.timeout_seconds, _time_the_caller_waits()))

    @app.teardown_request
    def stop_clock(_: BaseException | None) -> None:
        deadline.stop()  # the thread goes on


def _time_the_caller_waits() -> float:
    offered = request.headers.get(TIMEOUT_HEADER)
    if offered is None:
        return float("inf")
    # Looked at as a text first: Python refuses to read thousands of digits.
    if not re.fullmatch("[0-9]{1,10}", offered) or not 0 < int(offered) < 2**31:
        raise BadRequest(f"{TIMEOUT_HEADER} is a whole number of milliseconds above 0.")
    return int(offered) / 1000
