"""Runs migrations against `DATABASE_URL`, with the service's own engine and tables."""

import os

from alembic import context

from << cookiecutter.__package >> import settings
from << cookiecutter.__package >>.adapters.database import IdempotencyRow
from << cookiecutter.__package >>.bootstrap import DIALECTS
from << cookiecutter.__package >>.platform import database


def run() -> None:
    """Run what is missing, each migration in a transaction of its own."""
    given = settings.read(os.environ, [database.Settings])
    engine = database.make_engine(given[database.Settings], DIALECTS)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=IdempotencyRow.metadata,
            transaction_per_migration=True,
            render_as_batch=engine.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
