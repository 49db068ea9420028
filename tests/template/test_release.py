"""The version that the release pipeline finds in the changelog."""

import subprocess
import sys

import pytest

from tests.support.rendering import MANIFEST, TEMPLATE, load

release = load(TEMPLATE / "scripts" / "release.py")

CHANGELOG = """\
# Changelog

## [Unreleased]

- Soon.

## [1.2.3] - 2026-01-31

### Added

- This.

## [1.2.2] - 2026-01-01

- That.
"""


def test_finds_the_latest_version_and_what_is_new() -> None:
    assert release.latest(CHANGELOG) == ("1.2.3", "### Added\n\n- This.")


def test_the_first_version_ends_with_the_file() -> None:
    assert release.latest("## [0.1.0] - 2026-01-01\n\n- All.\n") == ("0.1.0", "- All.")


def test_says_how_a_release_is_written() -> None:
    with pytest.raises(SystemExit, match=r"## \[1\.2\.3\] - 2026-01-31"):
        release.latest("# Changelog\n\n## [Unreleased]\n")


def test_prints_the_version_of_the_template() -> None:
    script = [sys.executable, str(TEMPLATE / "scripts" / "release.py"), "version"]
    printed = subprocess.run(script, capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == MANIFEST["_template_version"]
