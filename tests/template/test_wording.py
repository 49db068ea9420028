"""Texts of the template avoid the words that CONTRIBUTING.md refers to."""

import re
import subprocess
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from tests.support.rendering import TEMPLATE

# Vague subjects: documentation names the client, the caller or the engineer on call instead.
VAGUE = re.compile(r"\b(?:nobody|whoever|anew|somebody|everybody|in\s+particular)\b", re.IGNORECASE)

# Docstrings are in the imperative (PEP 257), and these verbs stand for "Return" and "Allow".
DOCSTRING = re.compile(r'"""(?:Gives?|Tells?|Says?|Let)\b')

# This file contains the words, and tests/fleet/old/ is a workspace as version 0.1.0 generated it.
EXCLUDED = ("tests/template/test_wording.py", "tests/fleet/old/")

# Upper bound for each folder; a file counts for the innermost folder listed, "." is the rest.
BOUNDS = {
    ".": 0,
    ".ci": 0,
    ".github": 0,
    "<<cookiecutter.service_name>>": 0,
    "<<cookiecutter.service_name>>/deploy": 0,
    "<<cookiecutter.service_name>>/docs": 0,
    "<<cookiecutter.service_name>>/docs/adr": 0,
    "<<cookiecutter.service_name>>/src": 0,
    "<<cookiecutter.service_name>>/tests": 0,
    "bench": 0,
    "chassis": 0,
    "docs": 0,
    "docs/adr": 0,
    "docs/rooms": 0,
    "fleet": 0,
    "hooks": 0,
    "presets": 0,
    "scripts": 0,
    "tests": 1,  # the Unix user
    "tests/template": 0,
    "tests/fleet": 0,
    "tests/systems": 0,
    "tests/rendered": 0,
}


def findings(text: str) -> list[str]:
    """Return every occurrence in a text."""
    return [*VAGUE.findall(text), *DOCSTRING.findall(text)]


def folder_of(file: PurePosixPath) -> str:
    """Return the innermost folder of `BOUNDS` that contains a file."""
    return next(str(each) for each in file.parents if str(each) in BOUNDS)


@pytest.fixture(scope="module")
def found() -> dict[str, Counter[str]]:
    """The number of occurrences per file, by folder of `BOUNDS`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TEMPLATE,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {folder: Counter[str]() for folder in BOUNDS}
    for name in filter(None, listed.stdout.split("\0")):
        file = TEMPLATE / name
        if name.startswith((*EXCLUDED, "shared/")) or not file.is_file():
            continue
        if number := len(findings(text_of(file))):
            found[folder_of(PurePosixPath(name))][name] += number
    return found


def text_of(file: Path) -> str:
    """Return the text of a file, empty if it is binary."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("folder", BOUNDS)
def test_few_vague_words(folder: str, found: dict[str, Counter[str]]) -> None:
    assert found[folder].total() <= BOUNDS[folder], found[folder].most_common()


@pytest.mark.parametrize(
    "text",
    [
        "Nobody calls it.",
        "for whoever is on call",
        "a user in\nparticular",
        '    """Give the key."""',
        '    """Tells whether it is ready."""',
    ],
)
def test_vague_words_are_found(text: str) -> None:
    assert len(findings(text)) == 1


@pytest.mark.parametrize("text", ["bodyguard, manewed", '"""Return what others tell."""'])
def test_other_words_are_not_found(text: str) -> None:
    assert findings(text) == []
