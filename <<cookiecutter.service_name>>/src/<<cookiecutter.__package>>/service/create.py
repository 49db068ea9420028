"""Create << cookiecutter.__a_noun >>, once for each idempotency key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ..domain.errors import KeyReused, KeyTaken
from ..domain.model import << cookiecutter.__class >>
from ..domain.ports import IdempotencyRecord, UnitOfWork


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key, unique for its caller, and the fingerprint of the request it came with."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Create<< cookiecutter.__class >>:
    """Creates; the same key and request get the first answer again, without a second effect."""

    unit_of_work: Callable[[], UnitOfWork]

    def __call__(
        self,
        *,
        name: str,
        description: str | None,
        once: Once | None = None,
    ) -> << cookiecutter.__class >>:
        """Create it, or give the answer that its key got before.

        Raises:
            InvalidValue: a value breaks a rule.
            KeyReused: the key came before with another request.
        """
        try:
            return self._create(name, description, once)
        except KeyTaken:
            # The same key was committed while this request ran: answer as that one did.
            return self._create(name, description, once)

    def _create(
        self,
        name: str,
        description: str | None,
        once: Once | None,
    ) -> << cookiecutter.__class >>:
        with self.unit_of_work() as work:
            if once and (record := work.idempotency.get(once.key)):
                return _answer_again(record, once)
            created = << cookiecutter.__class >>.create(
                name=name,
                description=description,
                at=datetime.now(UTC),
            )
            work.repository.add(created)
            if once:
                work.idempotency.add(IdempotencyRecord(once.key, once.fingerprint, created))
            work.commit()
            return created


def _answer_again(
    record: IdempotencyRecord,
    once: Once,
) -> << cookiecutter.__class >>:
    if record.fingerprint != once.fingerprint:
        raise KeyReused("This Idempotency-Key came before with another request; use a new one.")
    return record.result
