"""Create << cookiecutter.__a_noun >>, at most once for each idempotency key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ..domain.errors import KeyReused, KeyTaken
from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import IdempotencyKey, IdempotencyRecord, UnitOfWork


@dataclass(frozen=True, slots=True)
class Create<< cookiecutter.__class >>:
    """Creates one; the same key and request return the first result without a second effect."""

    unit_of_work: Callable[[], UnitOfWork]

    def __call__(
        self,
        *,
        name: str,
        description: str | None,
        idempotency_key: IdempotencyKey | None = None,
    ) -> << cookiecutter.__class >>:
        """Create it, or return the stored result of its key.

        Raises:
            InvalidValue: a value breaks a rule.
            KeyReused: the key was sent before with another request.
        """
        try:
            return self._create(name, description, idempotency_key)
        except KeyTaken:
            # A concurrent request with the key has just committed: return its result.
            return self._create(name, description, idempotency_key)

    def _create(
        self,
        name: str,
        description: str | None,
        idempotency_key: IdempotencyKey | None,
    ) -> << cookiecutter.__class >>:
        with self.unit_of_work() as work:
            if idempotency_key and (stored := work.idempotency.get(idempotency_key.value)):
                return _stored_result(stored, idempotency_key)
            now = datetime.now(UTC)
            << cookiecutter.resource >> = << cookiecutter.__class >>.create(name, description, now)
            work.<< cookiecutter.__plural >>.add(<< cookiecutter.resource >>)
            if idempotency_key:
                work.idempotency.add(IdempotencyRecord(idempotency_key, << cookiecutter.resource >>))
            work.commit()
            return << cookiecutter.resource >>


def _stored_result(stored: IdempotencyRecord, key: IdempotencyKey) -> << cookiecutter.__class >>:
    if stored.key != key:
        raise KeyReused("This Idempotency-Key was sent before with another request; use a new one.")
    return stored.result
