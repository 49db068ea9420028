"""Every error as problem+json (RFC 9457): the one place that maps errors to responses."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

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
# The names of RFC 9110, which Python has from 3.13 on.
_NEW_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

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
    title = _title(status)
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
        title=_title(status),
        status=status,
        detail=detail,
        instance=request.path,
        code=code,
        trace_id=trace.format_trace_id(context.trace_id) if context.is_valid else None,
        errors=fields,
    )
    body = problem.model_dump_json(exclude={"errors"} if fields is None else None)
    return Response(body, status, content_type=MEDIA_TYPE)


def _title(status: int) -> str:
    return _NEW_TITLES.get(status) or HTTPStatus(status).phrase


def documented(*statuses: int) -> ResponseDict:
    """Return the OpenAPI responses for these problems."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": _title(status), "content": {MEDIA_TYPE: schema}} for status in statuses
    }
