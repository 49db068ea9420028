"""The REST resource `/api/v1/<< cookiecutter.__path >>`."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import cast
from uuid import UUID

from flask import Response, request, url_for
from flask_openapi3 import APIBlueprint
from flask_openapi3 import Tag as ApiTag
from werkzeug.exceptions import PreconditionRequired

from ..chassis.auth import caller
from ..chassis.inbound import read_json_object
from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import IdempotencyKey
from ..domain.values import Changes
from ..use_cases import UseCases
from . import schemas
from .problems import documented

_SCHEMA = {"$ref": "#/components/schemas/<< cookiecutter.__class >>"}
_CREATED = {
    "content": {"application/json": {"schema": _SCHEMA}},
    "headers": {
        "ETag": {"schema": {"type": "string"}, "description": "Its version."},
        "Location": {"schema": {"type": "string"}, "description": "Its URL."},
    },
}


def blueprint(use_cases: UseCases) -> APIBlueprint:
    """Return the resource on these use cases."""
    api = APIBlueprint(
        "<< cookiecutter.__plural >>",
        __name__,
        url_prefix="/api/v1/<< cookiecutter.__path >>",
        abp_tags=[ApiTag(name="<< cookiecutter.__nouns >>")],
        abp_security=[{"bearer": []}],
        abp_responses=documented(401, 403, 422, 503, 504),
        operation_id_callback=lambda *, name, **_: name,
    )
    api.before_request(read_json_object)

    @api.post("", responses={201: _CREATED, **documented(400, 413, 415)})
    def create_<< cookiecutter.resource >>(
        body: schemas.New<< cookiecutter.__class >>,
        header: schemas.CreateHeader,
    ) -> Response:
        """Create << cookiecutter.__a_noun >>."""
        created = use_cases.create(
            name=body.name,
            description=body.description,
            idempotency_key=_idempotency_key(header.idempotency_key),
        )
        response = _representation(created, 201)
        response.headers["Location"] = url_for(".get_<< cookiecutter.resource >>", id=created.id)
        return response

    @api.get("", responses={200: schemas.<< cookiecutter.__class >>Page})
    def list_<< cookiecutter.__plural >>(query: schemas.PageQuery) -> Response:
        """List << cookiecutter.__nouns >>, oldest first."""
        listing = use_cases.list(after=_after(query.cursor), limit=query.limit)
        body = schemas.<< cookiecutter.__class >>Page(
            items=[_body(item) for item in listing.items],
            next_cursor=listing.next_after and _cursor(listing.next_after),
        )
        return Response(body.model_dump_json(), mimetype="application/json")

    @api.get(
        "/<uuid:id>",
        responses={
            200: schemas.<< cookiecutter.__class >>,
            304: None,
            **documented(404),
        },
    )
    def get_<< cookiecutter.resource >>(
        path: schemas.<< cookiecutter.__class >>Path,
        header: schemas.ReadHeader,  # noqa: ARG001 (declared for the API's description)
    ) -> Response:
        """Get << cookiecutter.__a_noun >>."""
        response = _representation(use_cases.get(path.id), 200)
        return cast(Response, response.make_conditional(request))

    @api.patch(
        "/<uuid:id>",
        responses={
            200: schemas.<< cookiecutter.__class >>,
            **documented(400, 404, 412, 413, 415, 428),
        },
    )
    def change_<< cookiecutter.resource >>(
        path: schemas.<< cookiecutter.__class >>Path,
        header: schemas.ChangeHeader,
        body: schemas.<< cookiecutter.__class >>Changes,
    ) -> Response:
        """Change << cookiecutter.__a_noun >>."""
        if header.if_match is None:
            raise PreconditionRequired("Send If-Match with the ETag of the version to change.")
        changes = cast(Changes, body.model_dump(exclude_unset=True))
        return _representation(use_cases.change(path.id, changes, _is_matched), 200)

    @api.delete("/<uuid:id>", responses={204: None, **documented(404, 412)})
    def delete_<< cookiecutter.resource >>(
        path: schemas.<< cookiecutter.__class >>Path,
        header: schemas.DeleteHeader,
    ) -> Response:
        """Delete << cookiecutter.__a_noun >>."""
        any_version = header.if_match is None
        use_cases.delete(path.id, lambda version: any_version or _is_matched(version))
        return Response(status=204)

    return api


def _body(aggregate: << cookiecutter.__class >>) -> schemas.<< cookiecutter.__class >>:
    return schemas.<< cookiecutter.__class >>.model_validate(aggregate)


def _representation(aggregate: << cookiecutter.__class >>, code: int) -> Response:
    response = Response(_body(aggregate).model_dump_json(), code, mimetype="application/json")
    response.set_etag(str(aggregate.version))
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _is_matched(version: int) -> bool:
    return request.if_match.contains(str(version))


def _idempotency_key(header: str | None) -> IdempotencyKey | None:
    if header is None:
        return None
    # A key belongs to its caller; hashed, it fits any database's column and collation.
    scoped = f"{caller().subject}\n{request.method} {request.path}\n{header}"
    fingerprint = hashlib.sha256(request.get_data()).hexdigest()
    return IdempotencyKey(hashlib.sha256(scoped.encode()).hexdigest(), fingerprint)


def _cursor(after: UUID) -> str:
    return urlsafe_b64encode(after.bytes).decode().rstrip("=")


def _after(cursor: str | None) -> UUID | None:
    return UUID(bytes=urlsafe_b64decode(cursor + "==")) if cursor else None
