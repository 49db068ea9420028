"""JSON as RFC 8259 has it: no NaN, no half characters, no nesting without end."""

from typing import Any

from flask.json.provider import JSONProvider
from pydantic_core import from_json, to_json


class StrictJSON(JSONProvider):
    """Flask's JSON, by pydantic's parser."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:  # noqa: ARG002
        """Read a document; raises ValueError if it is none."""
        return from_json(s, allow_inf_nan=False)

    def dumps(self, obj: Any, **kwargs: Any) -> str:  # noqa: ARG002
        """Write a document."""
        return to_json(obj).decode()
