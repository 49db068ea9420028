"""What all tests of the template share: nothing of the person who runs them leaks in."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def nobody_in_particular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No answers from ~/.cookiecutterrc, no colours asked for, and a name for git to commit by."""
    config = tmp_path_factory.mktemp("config") / "cookiecutter.yaml"
    config.write_text(f"replay_dir: {config.parent}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKIECUTTER_CONFIG", str(config))
        patch.delenv("FORCE_COLOR", raising=False)
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Nobody")
            patch.setenv(f"GIT_{role}_EMAIL", "nobody@example.org")
        yield
