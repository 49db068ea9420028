from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from .conftest import tables


def test_migrations_create_the_mapped_tables(engine: Engine, alembic: Config) -> None:
    command.check(alembic)

    assert tables(engine) == {"alembic_version", "<< cookiecutter.__plural >>", "idempotency_records"}


def test_migrations_are_reversible(engine: Engine, alembic: Config) -> None:
    command.downgrade(alembic, "base")
    assert tables(engine) == {"alembic_version"}

    command.upgrade(alembic, "head")
    assert "<< cookiecutter.__plural >>" in tables(engine)
