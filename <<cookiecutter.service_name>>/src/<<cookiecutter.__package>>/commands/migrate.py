"""Migrate the database of `DATABASE_URL` to the newest revision."""

import sys

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from ..chassis.settings import SettingsError


def main() -> None:
    """Run the missing migrations; `alembic.ini` is in the working directory."""
    try:
        command.upgrade(Config("alembic.ini"), "head")
    except (CommandError, SettingsError) as error:
        sys.exit(f"No migration: {error}")
