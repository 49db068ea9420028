"""Request and response schemas; the OpenAPI document is generated from them."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema

from ..domain.values import DESCRIPTION_MAX_LENGTH, NAME_MAX_LENGTH

# No database stores NUL in text.
_NO_NUL = r"^[^\x00]*$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_MAX_LENGTH, pattern=_NO_NUL)]
Description = Annotated[str, StringConstraints(max_length=DESCRIPTION_MAX_LENGTH, pattern=_NO_NUL)]
# Opaque to callers: the id before the next page, in base64url (RFC 4648, 5).
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{21}[AQgw]$")]
HeaderKey = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Schema(BaseModel):
    """Base of all schemas."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)

    @classmethod
    @cache
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the JSON schema; cached, because every request with parameters needs it."""
        return super().model_json_schema(*args, **kwargs)


def _without_default(schema: JsonDict) -> None:
    schema.pop("default")


class New<< cookiecutter.__class >>(Schema, extra="forbid"):
    """Values of a new << cookiecutter.__noun >>."""

    name: Name
    description: Description | None = None


class << cookiecutter.__class >>Changes(Schema, extra="forbid"):
    """Values to change; absent fields stay as they are."""

    # The default is never used: only fields in the request are applied.
    name: Name = Field(default="", json_schema_extra=_without_default)
    description: Description | None = None


class << cookiecutter.__class >>(Schema):
    """Representation of << cookiecutter.__a_noun >>. Times are UTC (RFC 3339)."""

    id: UUID
    name: str
    description: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class << cookiecutter.__class >>Page(Schema):
    """A page of << cookiecutter.__nouns >>, oldest first; the last page has no cursor."""

    items: Sequence[<< cookiecutter.__class >>]
    next_cursor: str | None


class << cookiecutter.__class >>Path(Schema):
    """Path parameters of one << cookiecutter.__noun >>."""

    id: UUID


class PageQuery(Schema):
    """Query parameters of a page."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: Cursor | SkipJsonSchema[None] = None
    """The next_cursor of the previous page."""


class CreateHeader(Schema):
    """Headers that make a creation safe to repeat."""

    idempotency_key: HeaderKey | SkipJsonSchema[None] = Field(default=None, alias="Idempotency-Key")
    """The same key and body return the first response again, for 24 hours."""


class ReadHeader(Schema):
    """Headers of a conditional read."""

    if_none_match: str | SkipJsonSchema[None] = Field(default=None, alias="If-None-Match")
    """The ETag that the caller has; 304 if it is still current."""


class DeleteHeader(Schema):
    """Headers that guard a deletion against concurrent changes."""

    if_match: str | SkipJsonSchema[None] = Field(default=None, alias="If-Match")
    """The ETag of the version to delete; without it, any version."""


class ChangeHeader(Schema, json_schema_extra={"required": ["If-Match"]}):
    """Headers that guard against lost updates; a missing If-Match gets 428, not 422."""

    if_match: str | SkipJsonSchema[None] = Field(default=None, alias="If-Match")
    """The ETag of the version to change."""


class FieldProblem(Schema):
    """One invalid value of a request: its JSON pointer, and the problem."""

    pointer: str
    detail: str


class Problem(Schema):
    """Every error response (RFC 9457)."""

    type: str
    """A URI that identifies the kind of problem."""
    title: str
    status: int
    detail: str
    instance: str
    """The path of the request."""
    code: str
    """Stable code of the problem, for programs."""
    trace_id: str | None
    """Identifies the request in logs and traces."""
    errors: list[FieldProblem] | SkipJsonSchema[None] = None
    """Every invalid value."""
