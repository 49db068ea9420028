"""Strict JSON (RFC 8259): no NaN, no lone surrogates, bounded nesting."""

from typing import Any

from flask import request
from flask.json.provider import JSONProvider
from pydantic_core import from_json, to_json
from werkzeug.exceptions import BadRequest, UnprocessableEntity


class StrictJSON(JSONProvider):
    """Flask's JSON, by pydantic's parser."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:  # noqa: ARG002
        """Parse a document; raise ValueError if it is not JSON."""
        return from_json(s, allow_inf_nan=False)

    def dumps(self, obj: Any, **kwargs: Any) -> str:  # noqa: ARG002
        """Serialize a document."""
        return to_json(obj).decode()


def read_json_object() -> None:
    """Parse the body of the current request once; reject anything but a JSON object."""
    if request.method not in {"PATCH", "POST"}:
        return
    if request.content_encoding:
        raise BadRequest("Send the body without a Content-Encoding.")
    if not isinstance(request.get_json(), dict):
        raise UnprocessableEntity("The body is not a JSON object.")
