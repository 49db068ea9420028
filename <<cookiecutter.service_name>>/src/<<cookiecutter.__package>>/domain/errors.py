"""What can go wrong in the business, each with a code that callers may rely on.

DomainError
 ├── NotFound          there is no such thing
 ├── VersionMismatch   it has changed since the caller last saw it
 ├── InvalidValue      a value breaks a rule
 ├── KeyReused         an idempotency key came back with another request
 └── KeyTaken          another request with the same key was faster (never leaves the use case)
"""

from typing import ClassVar


class DomainError(Exception):
    """Base of all business errors; `code` never changes once published."""

    code: ClassVar[str]


class NotFound(DomainError):
    """There is no such thing, or no longer."""

    code = "not_found"


class VersionMismatch(DomainError):
    """The caller's version is not the current one."""

    code = "version_mismatch"


class InvalidValue(DomainError):
    """A value breaks a rule of the business."""

    code = "invalid_value"


class KeyReused(DomainError):
    """The idempotency key was used before, for another request."""

    code = "idempotency_key_reused"


class KeyTaken(DomainError):
    """Another request with the same idempotency key has just been answered."""

    code = "idempotency_key_taken"
