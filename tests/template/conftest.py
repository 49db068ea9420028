"""Fixtures for rendered services, one per set of answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support.combinations import COMBINATIONS, Answers, label
from tests.support.rendering import files

LABELS = set(map(label, COMBINATIONS))


class Scheduling(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """Runs all tests of one rendering in one process, and otherwise all tests of a file."""

    def _split_scope(self, nodeid: str) -> str:
        first = re.search(r"\[([^]-]+)", nodeid)
        return first[1] if first and first[1] in LABELS else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Replace the scheduler that `--dist` names."""
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of renderings last: they are many and short, so all processes stay busy."""
    items.sort(key=lambda item: "rendering" in getattr(item, "fixturenames", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have recorded."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(f"\n{value}")


@dataclass(frozen=True)
class Rendering:
    """A rendered service and the answers it was rendered with."""

    answers: Answers
    folder: Path

    def files(self) -> dict[str, str]:
        """Return the text of every file by its path in the service."""
        return {
            file.relative_to(self.folder).as_posix(): file.read_bytes().decode("utf-8")
            for file in files(self.folder)
        }


@pytest.fixture(scope="session", params=COMBINATIONS, ids=label)
def rendering(request: pytest.FixtureRequest, rendered: Callable[..., Path]) -> Rendering:
    """The service of each set of answers in turn."""
    return Rendering(request.param, rendered(**request.param))


@pytest.fixture(scope="session")
def defaults(rendered: Callable[..., Path]) -> Rendering:
    """The service of the default answers."""
    return Rendering({}, rendered())
