"""The documentation is correct: current options, valid links, tested commands."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts import options_table
from tests.support.rendering import MANIFEST, ROOMS, TEMPLATE

DOCS = TEMPLATE / "docs"
PAGES = sorted([*TEMPLATE.glob("*.md"), *DOCS.rglob("*.md")])

# Commands in the documentation, and the test that runs each (or a variant)...
RUN = {
    "make new": "tests/rendered/test_template.py::test_new_creates_a_service_beside_the_checkout",
    "make demo": "tests/rendered/test_template.py::test_demo_calls_both_services",
    "make docs": "tests/rendered/test_template.py::test_pages_are_built",
    "make help": "tests/rendered/test_template.py::test_help_describes_every_command",
    "make run": "tests/rendered/test_service.py::test_resource_is_created_read_changed_and_deleted",
    "make token": "tests/rendered/test_service.py::test_token_prints_nothing_else",
    "docker compose up": "tests/systems/test_compose.py::test_the_gateway_forwards_to_services",
    "curl": "tests/systems/test_compose.py::test_the_gateway_forwards_to_services",
    "uvx --from": "tests/fleet/test_install.py::test_it_runs_from_the_repository",
    "git": "tests/rendered/test_update_from_before.py::test_default_service_with_changes_is_upgraded",
    "make format lint test": (
        "tests/rendered/test_update_from_before.py::test_default_service_with_changes_is_upgraded"
    ),
    "uvx cruft create": "tests/rendered/test_cruft.py::test_update_keeps_edited_files",
    "uvx cruft check": "tests/rendered/test_cruft.py::test_update_keeps_edited_files",
    "uvx cruft update": "tests/rendered/test_cruft.py::test_update_keeps_edited_files",
}

# ... or the reason why no test does.
NOT_RUN = {
    "make test": "would run this test",
    "make lint": "the pipeline runs it",
    "git clone": "there is no such address yet",
    "cookiecutter": "there is no such address yet; `make new` calls it the same way",
}


def test_table_of_options_is_current() -> None:
    assert options_table.PAGE.read_text("utf-8") == options_table.page(), "run: make docs"


def test_every_room_has_a_page() -> None:
    assert {page.stem for page in (DOCS / "rooms").glob("*.md")} == set(ROOMS)


def test_every_page_is_in_the_navigation() -> None:
    navigation = yaml.safe_load((TEMPLATE / "mkdocs.yml").read_text("utf-8"))["nav"]

    assert sorted(leaves(navigation)) == sorted(
        page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")
    )


def leaves(entry: object) -> list[str]:
    """Return the pages of a part of the navigation."""
    match entry:
        case str():
            return [entry]
        case dict():
            return [leaf for each in entry.values() for leaf in leaves(each)]
        case list():
            return [leaf for each in entry for leaf in leaves(each)]
    raise TypeError(entry)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TEMPLATE).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_command_shown_is_run_or_has_a_reason() -> None:
    known = sorted({*RUN, *NOT_RUN}, key=len, reverse=True)
    shown = {
        command: next((name for name in known if f"{command} ".startswith(f"{name} ")), None)
        for page in PAGES
        for command in commands(page)
    }

    assert [command for command, name in shown.items() if name is None] == []
    assert {*known} - {*shown.values()} == set(), "no page shows these commands"


def commands(page: Path) -> list[str]:
    """Return the commands in a page's blocks; in blocks with output, those after a dollar sign."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    joined = [block.replace("\\\n", "") for block in blocks]
    lines = [line for block in joined for line in prompted(block.splitlines())]
    return [command for line in lines if (command := line.split("  #")[0].strip())]


def prompted(lines: list[str]) -> list[str]:
    """Return the lines that a user types."""
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return typed or lines


@pytest.mark.parametrize("test", sorted(set(RUN.values())))
def test_the_test_that_runs_a_command_is_there(test: str) -> None:
    file, _, name = test.partition("::")

    assert f"def {name}(" in (TEMPLATE / file).read_text("utf-8")


def test_version_is_the_same_everywhere() -> None:
    version = MANIFEST["_template_version"]
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text("utf-8"))["project"]
    changelog = (TEMPLATE / "CHANGELOG.md").read_text("utf-8")

    assert project["version"] == version
    assert re.findall(r"^## \[(\d\S+)\]", changelog, re.MULTILINE)[0] == version


def test_readme_lists_every_preset_and_command() -> None:
    readme = (TEMPLATE / "README.md").read_text("utf-8")
    makefile = (TEMPLATE / "Makefile").read_text("utf-8")

    for preset in (TEMPLATE / "presets").glob("*.yaml"):
        assert f"`{preset.name}`" in readme
    for verb in re.findall(r"^([a-z-]+):.* ## ", makefile, re.MULTILINE):
        assert f"`make {verb}`" in readme, verb
