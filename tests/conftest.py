"""Fixtures of all tests: an environment independent of the user, and a cache of renderings."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.rendering import render


@pytest.fixture(autouse=True, scope="session")
def isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Isolate the tests from the user's cookiecutter, git, colour and proxy settings.

    Git gets a name for commits and does not sign them. Programs write bytecode, which is the
    default, because some are started a hundred times.
    """
    config = tmp_path_factory.mktemp("config") / "cookiecutter.yaml"
    config.write_text(f"replay_dir: {config.parent}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKIECUTTER_CONFIG", str(config))
        for name in ("FORCE_COLOR", "PYTHONDONTWRITEBYTECODE"):
            patch.delenv(name, raising=False)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(
                name, ",".join(filter(None, ["127.0.0.1,localhost", os.environ.get(name)]))
            )
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Tester")
            patch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
        yield


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that renders a service for some answers, once; tests must not change it."""
    return cache(lambda **answers: render(tmp_path_factory.mktemp("rendered"), **answers))
