"""A service rendered from each set of answers, once for all tests that look at it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fast.combinations import COMBINATIONS, Answers, label
from tests.rendering import files, render


@dataclass(frozen=True)
class Rendering:
    """A rendered service and the answers it was rendered with."""

    answers: Answers
    folder: Path

    def files(self) -> dict[str, str]:
        """The text of every file by its path in the service."""
        return {
            file.relative_to(self.folder).as_posix(): file.read_bytes().decode("utf-8")
            for file in files(self.folder)
        }


@pytest.fixture(scope="session", params=COMBINATIONS, ids=label)
def rendering(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Rendering:
    """One after the other, the service of each set of answers."""
    workspace = tmp_path_factory.mktemp("workspace")
    return Rendering(request.param, render(workspace, **request.param))


@pytest.fixture(scope="session")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> Rendering:
    """The service of the default answers."""
    return Rendering({}, render(tmp_path_factory.mktemp("defaults")))
