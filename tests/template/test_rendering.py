"""Rendered files look hand-written, with any answers."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.support.rendering import SERVICE, files
from tests.template.conftest import Rendering

DELIMITERS = ("<<", ">>", "<%", "%>", "<#", "#>")

# Files that may mention the template: documentation of updates, and metadata for tools.
NAMES_THE_TEMPLATE = {
    "README.md",
    "catalog-info.yaml",
}

# The composition roots; of other Python files, only those with a part per peer have blocks.
COMPOSITION_ROOTS = {
    f"src/<<cookiecutter.__package>>/{name}" for name in ("app.py", "bootstrap.py", "settings.py")
}


def test_no_trace_of_the_template(rendering: Rendering) -> None:
    texts = rendering.files()
    paths = "\n".join(texts)

    assert [mark for mark in DELIMITERS if mark in paths] == []
    assert {name: mark for name, text in texts.items() for mark in DELIMITERS if mark in text} == {}
    assert {name for name, text in texts.items() if "cookiecutter" in text} <= NAMES_THE_TEMPLATE


def test_every_piece_is_joined(rendering: Rendering) -> None:
    assert [name for name in rendering.files() if ".d/" in name] == []


def test_every_piece_is_a_whole_line_or_more() -> None:
    pieces = {name: source for name, source in sources().items() if ".d/" in name}

    assert pieces
    for name, source in pieces.items():
        assert re.search(r"\S\n\Z", source), f"{name} does not end with one line feed"


def test_whitespace_is_tidy(rendering: Rendering) -> None:
    for name, text in rendering.files().items():
        if not text and name.endswith("__init__.py"):
            continue
        assert "\r" not in text, name
        assert not re.search(r"[ \t]$", text, re.MULTILINE), name
        assert re.search(r"\S\n\Z", text), f"{name} does not end with one line feed"
        assert not text.startswith("\n"), name
        if not name.endswith((".py", ".py.mako")):  # the formatter checks those
            assert "\n\n\n" not in text, name


def test_every_file_parses(rendering: Rendering) -> None:
    for name, text in rendering.files().items():
        if "/templates/" in name:  # Helm templates, which are YAML only after rendering
            continue
        try:
            match Path(name).suffix:
                case ".py":
                    compile(text, name, "exec")
                case ".toml":
                    tomllib.loads(text)
                case ".json":
                    json.loads(text)
                case ".yaml" | ".yml":
                    assert all(list(yaml.safe_load_all(text))), "an empty document"
        except Exception as error:
            pytest.fail(f"{name}: {error!r}")


def test_formatted_and_linted(rendering: Rendering) -> None:
    ruff(rendering.folder, "format", "--check", "--quiet")
    ruff(rendering.folder, "check", "--quiet")


def ruff(folder: Path, *arguments: str) -> None:
    """Run ruff with the service's settings."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_has_conditions_in_composition_roots_only() -> None:
    asking = {name for name, source in sources().items() if name.endswith(".py") and "<%" in source}

    assert {name for name in asking if "/peers/" not in name} <= COMPOSITION_ROOTS


@pytest.mark.parametrize("root", sorted(COMPOSITION_ROOTS))
def test_conditions_in_python_do_not_nest(root: str) -> None:
    words = re.findall(r"<%\s*(if|endif)\b", sources()[root])

    assert words == ["if", "endif"] * (len(words) // 2)


def test_blocks_stand_alone_on_their_lines() -> None:
    for name, source in sources().items():
        for line in map(str.strip, source.splitlines()):
            if "<%" in line:
                assert line.startswith("<%"), f"{name}: {line}"
            if "%>" in line:
                assert line.endswith("%>"), f"{name}: {line}"


def sources() -> dict[str, str]:
    """Return the files of the template."""
    return {
        file.relative_to(SERVICE).as_posix(): file.read_text("utf-8") for file in files(SERVICE)
    }
