"""What travels over HTTP: requests are checked against these, OpenAPI is made from them."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema

from ..domain.values import DESCRIPTION_MAX_LENGTH, NAME_MAX_LENGTH

# No database stores a NUL in a text.
_NO_NUL = r"^[^\x00]*$"

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_MAX_LENGTH, pattern=_NO_NUL),
]
Description = Annotated[
    str,
    StringConstraints(max_length=DESCRIPTION_MAX_LENGTH, pattern=_NO_NUL),
]
# Opaque to callers: 16 bytes to continue after, in base64url (RFC 4648, 5).
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{21}[AQgw]$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Schema(BaseModel):
    """Base of all schemas."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Give the JSON schema; kept, because every request with parameters asks for it."""
        return _json_schema(cls, *args, **kwargs)


@cache
def _json_schema(kind: type[Schema], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return super(Schema, kind).model_json_schema(*args, **kwargs)


def _without_default(schema: JsonDict) -> None:
    schema.pop("default")


class New<< cookiecutter.__class >>(Schema, extra="forbid"):
    """What a caller gives to create << cookiecutter.__a_noun >>."""

    name: Name
    description: Description | None = None


class << cookiecutter.__class >>Changes(Schema, extra="forbid"):
    """What a caller wants changed; whatever is left out stays as it is."""

    # The default is never used: only fields that were given are taken over.
    name: Name = Field(default="", json_schema_extra=_without_default)
    description: Description | None = None


class << cookiecutter.__class >>(Schema):
    """The << cookiecutter.__noun >> as callers see it. Times are UTC (RFC 3339)."""

    id: UUID
    name: str
    description: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class << cookiecutter.__class >>Page(Schema):
    """A page of << cookiecutter.__nouns >>, oldest first. Null instead of a cursor marks the last page."""

    items: Sequence[<< cookiecutter.__class >>]
    next_cursor: str | None


class << cookiecutter.__class >>Path(Schema):
    """Names one << cookiecutter.__noun >>."""

    id: UUID


class PageQuery(Schema):
    """Names a page."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: Cursor | SkipJsonSchema[None] = Field(
        default=None,
        description="The next_cursor of the page before.",
    )


class CreateHeader(Schema):
    """Makes a creation safe to repeat."""

    idempotency_key: Key | SkipJsonSchema[None] = Field(
        default=None,
        alias="Idempotency-Key",
        description="The same key and body get the first answer again, for 24 hours.",
    )


class ReadHeader(Schema):
    """Saves an answer that the caller has already."""

    if_none_match: str | SkipJsonSchema[None] = Field(
        default=None,
        alias="If-None-Match",
        description="The ETag that the caller has; 304 if it is still the current one.",
    )


class DeleteHeader(Schema):
    """Guards against deleting what somebody else has just changed."""

    if_match: str | SkipJsonSchema[None] = Field(
        default=None,
        alias="If-Match",
        description="The ETag of the version to delete; without it, any version.",
    )


class ChangeHeader(Schema, json_schema_extra={"required": ["If-Match"]}):
    """Guards against lost updates. Required, but its absence is a 428 and not a 422."""

    if_match: str | SkipJsonSchema[None] = Field(
        default=None,
        alias="If-Match",
        description="The ETag of the version that the change is meant for.",
    )


class FieldProblem(Schema):
    """One thing that is wrong with a request: where (a JSON pointer), and what."""

    pointer: str
    detail: str


class Problem(Schema):
    """What every error looks like (RFC 9457)."""

    type: str = Field(description="A URI that identifies the kind of problem.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was called.")
    code: str = Field(description="What went wrong, for programs; never changes.")
    trace_id: str | None = Field(description="Finds the request in logs and traces.")
    errors: list[FieldProblem] | SkipJsonSchema[None] = Field(
        default=None,
        description="Every value that was refused.",
    )
