"""What all tests of the template share: nothing of the person who runs them leaks in."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.rendering import render


@pytest.fixture(autouse=True, scope="session")
def nobody_in_particular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No answers from ~/.cookiecutterrc, no colours asked for, and a name for git to commit by.

    Neither are commits signed as ~/.gitconfig has it, nor is a proxy asked for this machine.
    Programs keep their bytecode, as they do by default: some are started a hundred times.
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
            patch.setenv(f"GIT_{role}_NAME", "Nobody")
            patch.setenv(f"GIT_{role}_EMAIL", "nobody@example.org")
        yield


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Gives the service of some answers, rendered once, to tests that look and change nothing."""
    return cache(lambda **answers: render(tmp_path_factory.mktemp("rendered"), **answers))
