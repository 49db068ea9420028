"""Business errors, each with a stable code."""

from typing import ClassVar


class DomainError(Exception):
    """Base of all business errors; `code` never changes once published."""

    code: ClassVar[str]


class NotFound(DomainError):
    """The aggregate does not exist, or no longer."""

    code = "not_found"


class VersionMismatch(DomainError):
    """The caller's version is not the current one."""

    code = "version_mismatch"


class InvalidValue(DomainError):
    """A value breaks a business rule."""

    code = "invalid_value"


class KeyReused(DomainError):
    """The idempotency key was used before, for another request."""

    code = "idempotency_key_reused"


class KeyTaken(DomainError):
    """A concurrent request with the same idempotency key committed first."""

    code = "idempotency_key_taken"
