"""Every error as problem+json (RFC 9457): the one place that maps errors to responses."""

import logging
from collections.abc import Sequence

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from flask_openapi3.types import ResponseDict
from opentelemetry import trace
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from ..chassis.context import DeadlineExceeded
from ..chassis.database import OUTAGES
from ..chassis.settings import Settings
from ..domain import errors
from .schemas import FieldProblem, Problem

MEDIA_TYPE = "application/problem+json"

_STATUS_OF_DOMAIN_ERRORS = {
    errors.NotFound: 404,
    errors.VersionMismatch: 412,
    errors.InvalidValue: 422,
    errors.KeyReused: 422,
}
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    428: "Precondition Required",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}

logger = logging.getLogger(__name__)


def init_app(app: Flask, settings: Settings) -> None:  # noqa: ARG001 (every extension's signature)
    """Answer every error with a problem; no stack trace ever leaves the service."""
    app.register_error_handler(errors.DomainError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DeadlineExceeded, _deadline_exceeded)
    for outage in OUTAGES:
        app.register_error_handler(outage, _database_outage)
    app.register_error_handler(Exception, _bug)


def validation_problem(error: ValidationError) -> Response:
    """Return the response to a request with invalid values."""
    fields = [_field_problem(each["loc"], each["msg"]) for each in error.errors()]
    return _problem(422, "validation_failed", "Some values were refused; see errors.", fields)


def _field_problem(location: Sequence[str | int], message: str) -> FieldProblem:
    # RFC 6901: "~" and "/" are escaped inside a pointer.
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return FieldProblem(pointer="#/" + "/".join(parts), detail=message)


def _domain_error(error: errors.DomainError) -> Response:
    return _problem(_STATUS_OF_DOMAIN_ERRORS[type(error)], error.code, str(error))


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:  # complete already
        return error.get_response(request.environ)
    status = error.code or 500
    title = _TITLES.get(status, error.name)
    default_code = title.lower().replace(" ", "_").replace("'", "")
    code = getattr(error, "problem_code", default_code)
    response = _problem(status, code, error.description or title)
    for name, value in error.get_headers(request.environ):
        if name != "Content-Type":
            response.headers[name] = value
    return response


def _deadline_exceeded(error: DeadlineExceeded) -> Response:
    return _problem(504, "deadline_exceeded", str(error))


def _database_outage(error: Exception) -> Response:
    logger.warning("The database can't be used: %s", error)
    response = _problem(503, "database_unavailable", "The database can't be used; try again.")
    response.headers["Retry-After"] = "5"
    return response


def _bug(error: Exception) -> Response:
    logger.error("Unexpected error", exc_info=error)
    trace.get_current_span().record_exception(error)
    return _problem(500, "internal_error", "Something went wrong here; the trace id finds it.")


def _problem(
    status: int,
    code: str,
    detail: str,
    fields: list[FieldProblem] | None = None,
) -> Response:
    context = trace.get_current_span().get_span_context()
    problem = Problem(
        type=f"urn:problem:{code}",
        title=_TITLES.get(status, code.replace("_", " ").title()),
        status=status,
        detail=detail,
        instance=request.path,
        code=code,
        trace_id=trace.format_trace_id(context.trace_id) if context.is_valid else None,
        errors=fields,
    )
    body = problem.model_dump_json(exclude={"errors"} if fields is None else None)
    return Response(body, status, content_type=MEDIA_TYPE)


def documented(*statuses: int) -> ResponseDict:
    """Return the OpenAPI responses for these problems."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": _TITLES[status], "content": {MEDIA_TYPE: schema}}
        for status in statuses
    }
