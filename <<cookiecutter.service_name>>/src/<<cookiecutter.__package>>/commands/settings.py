"""Write the reference of all settings: `.env.example` and the table in docs/configuration.md."""

import re
from pathlib import Path

from ..chassis import settings_reference
from ..settings import DEFAULTS, DEVELOPMENT_DEFAULTS, MODELS

EXAMPLE = Path(".env.example")
CONFIGURATION = Path("docs/configuration.md")

_HEAD = """\
# Copy to .env and change what you need; docs/configuration.md describes every variable.
# Load it with:  set -a; . ./.env; set +a      or:  docker run --env-file .env ...
# The values are the defaults of development.

"""
_TABLE = re.compile(r"(?<=\n)\| variable \| default \| meaning \|\n(\|.*\n)+")


def env_example() -> str:
    """Return the content of `.env.example`."""
    return _HEAD + settings_reference.env_example(MODELS, DEFAULTS | DEVELOPMENT_DEFAULTS)


def configuration(text: str) -> str:
    """Return the page with a current table."""
    table = settings_reference.table(MODELS, DEFAULTS | DEVELOPMENT_DEFAULTS)
    return _TABLE.sub(lambda _: table, text, count=1)


def main() -> None:
    """Write both files."""
    EXAMPLE.write_text(env_example(), "utf-8")
    CONFIGURATION.write_text(configuration(CONFIGURATION.read_text("utf-8")), "utf-8")
