"""The documentation of a rendered service is correct: links, Makefile targets and variables."""

import re
from pathlib import PurePosixPath

from tests.template.conftest import Rendering

LINK = re.compile(r"\]\(([^()\s]*)\)")
PAGE = re.compile(r"\bdocs/[\w/-]+\.md\b")
VERB = re.compile(r"(?:^|[`(])make ([a-z-]+)", re.MULTILINE)
READ = re.compile(r'\balias="([A-Z_]+)"')
VARIABLE = re.compile(r"`([A-Z][A-Z_]+)`")

# Variables that only pipelines, tests and the Makefile read; the page of the tool describes them.
OF_TOOLS = re.compile(r"PACT_BROKER_\w+|VERSION|BRANCH|TEST_DATABASE_URL")


def pages(rendering: Rendering) -> dict[str, str]:
    """Return the pages of a service by their paths."""
    return {name: text for name, text in rendering.files().items() if name.endswith(".md")}


def anchors(page: str) -> set[str]:
    """Return the anchors of a page: its headings, in the form of the Git hosts."""
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere(rendering: Rendering) -> None:
    files, found = rendering.files(), pages(rendering)
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    for name, text in found.items():
        for link in LINK.findall(text):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            target = str(PurePosixPath(name).parent / path) if path else name
            assert target in files.keys() | folders, f"{name}: {link}"
            assert not anchor or anchor in anchors(files[target]), f"{name}: {link}"


def test_pages_that_are_named_are_there(rendering: Rendering) -> None:
    files = rendering.files()
    named = {(page, name) for name, text in files.items() for page in PAGE.findall(text)}

    assert {(page, name) for page, name in named if page not in files} == set()


def test_verbs_that_are_named_are_there(rendering: Rendering) -> None:
    verbs = set(re.findall(r"^([a-z-]+):", rendering.files()["Makefile"], re.MULTILINE))
    named = {verb for text in pages(rendering).values() for verb in VERB.findall(text)}

    assert named - verbs == set()


def test_every_variable_is_described_in_one_table(rendering: Rendering) -> None:
    described = {name: variables(text) for name, text in pages(rendering).items()}
    configuration = described.pop("docs/configuration.md")
    elsewhere = [variable for found in described.values() for variable in found]
    read = {
        variable
        for name, text in rendering.files().items()
        if name.startswith("src/")
        for variable in READ.findall(text)
    }

    assert sorted(name for name in configuration if not OF_TOOLS.fullmatch(name)) == sorted(read)
    assert [name for name in elsewhere if not OF_TOOLS.fullmatch(name)] == []


def variables(page: str) -> list[str]:
    """Return every variable that a table of a page describes."""
    return [
        variable
        for table in re.findall(r"^\| variable \|.*\n((?:\|.*\n)+)", page, re.MULTILINE)
        for row in table.splitlines()
        for variable in VARIABLE.findall(row.split("|")[1])
    ]
