"""Migrate the database of `DATABASE_URL` to the newest revision."""

import sys

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import OperationalError

from ..chassis.settings import SettingsError


def main() -> None:
    """Run the missing migrations; `alembic.ini` is in the working directory."""
    try:
        command.upgrade(Config("alembic.ini"), "head")
    except (CommandError, OperationalError, SettingsError) as error:
        if getattr(error, "statement", None):  # a migration is at fault: show which
            raise
        sys.exit(f"No migration: {error}")
