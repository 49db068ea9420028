"""Migrate the database of `DATABASE_URL` to the newest revision."""

from alembic import command
from alembic.config import Config


def main() -> None:
    """Run the missing migrations."""
    command.upgrade(Config("alembic.ini"), "head")
