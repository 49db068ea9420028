"""Questions have labels, and every pair of options is rendered together."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.combinations import AXES, COMBINATIONS, WORDS, every_pair, met
from tests.support.rendering import CHOICES, MANIFEST, QUESTIONS, ROOMS, TEMPLATE, needs, render

PROMPTS: dict[str, Any] = MANIFEST["__prompts__"]
PRESETS = sorted((TEMPLATE / "presets").glob("*.yaml"))


def test_no_question_is_forgotten() -> None:
    assert set(QUESTIONS) == {*AXES, *WORDS}


def test_every_option_is_in_some_combination() -> None:
    rendered = {answer for answers in COMBINATIONS for answer in answers.items()}

    assert {(name, option) for name, options in CHOICES.items() for option in options} <= rendered


def test_every_pair_of_options_is_in_some_combination() -> None:
    assert every_pair() <= set().union(*map(met, COMBINATIONS))


def test_combinations_stay_few() -> None:
    assert len(COMBINATIONS) <= 40


@pytest.mark.parametrize("name", QUESTIONS)
def test_question_is_asked_in_words(name: str) -> None:
    prompt = PROMPTS[name]
    if isinstance(prompt, dict):
        assert [prompt["__prompt__"], *map(prompt.get, CHOICES[name])].count(None) == 0
        assert set(prompt) == {"__prompt__", *CHOICES[name]}
    else:
        assert prompt.strip() == prompt != ""


def test_only_questions_have_prompts() -> None:
    assert set(PROMPTS) == set(QUESTIONS)


@pytest.mark.parametrize("room", ROOMS)
def test_room_is_asked_for_by_a_choice(room: str) -> None:
    for name, wanted in [pair for each in needs(room) for pair in each]:
        if wanted == ["*"]:
            assert name in {*QUESTIONS} - {*CHOICES}
        else:
            assert set(wanted) <= set(CHOICES[name])


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_preset_answers_questions(preset: Path, tmp_path: Path) -> None:
    context = yaml.safe_load(preset.read_text("utf-8"))
    answers = context.pop("default_context")

    assert context == {}
    assert set(answers) <= set(QUESTIONS)
    assert render(tmp_path, **answers).is_dir()
