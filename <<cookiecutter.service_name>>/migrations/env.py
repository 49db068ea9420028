"""Migrate the database of `DATABASE_URL`, with the service's own engine and tables."""

import os

from alembic import context

from << cookiecutter.__package >> import settings
from << cookiecutter.__package >>.adapters.database import metadata
from << cookiecutter.__package >>.bootstrap import DIALECTS
from << cookiecutter.__package >>.chassis import database


def run() -> None:
    """Run the missing migrations, each in its own transaction."""
    models = [database.DatabaseSettings]
    values = settings.read(os.environ, models)[database.DatabaseSettings]
    engine = database.make_engine(values, DIALECTS)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            transaction_per_migration=True,
            render_as_batch=engine.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
