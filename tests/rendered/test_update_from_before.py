"""Services of the version with `platform/` follow docs/upgrading.md, command by command."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.team_changes import Team
from tests.support.template_repository import (
    CRUFT,
    commit,
    copy_work_tree,
    new_repository,
    run,
)
from tests.support.verbs import environment, make

from tests.support.rendering import TEMPLATE

# The last commit with `platform/`.
BEFORE = "2d199ac"


@dataclass(frozen=True)
class Case:
    """A service: its answers, and what its update needs to know."""

    name: str
    resource: str
    plural: str
    answers: dict[str, str] = field(default_factory=dict)
    update: str = "--skip-apply-ask"
