"""The sets of answers with which every rendered service is checked."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from tests.support.rendering import CHOICES, MANIFEST

Answers = Mapping[str, str]

# Questions with free answers that change which files are rendered.
AXES: dict[str, Sequence[str]] = {
    **CHOICES,
    "depends_on": ("", "inventory,payments"),
    "workspace": ("..", ""),
}

# Questions whose answers only appear in the text; test_names.py varies them.
WORDS = {"service_name", "description", "owner", "resource"}


def singles() -> list[dict[str, str]]:
    """Return the defaults, then every other option alone."""
    return [{}, *({name: option} for name, options in AXES.items() for option in options[1:])]


def possible(answers: Answers) -> bool:
    """Return whether cookiecutter.json allows these answers together."""
    return not any(
        all(answers.get(name) in wanted for name, wanted in pair["answers"].items())
        for pair in MANIFEST["_impossible"]
    )


def pairwise() -> list[dict[str, str]]:
    """Return a small list of answers in which every possible pair of options occurs.

    Greedy: start from a pair that is still missing, then choose for each other question the option
    that adds the most missing pairs.
    """
    missing = every_pair()
    sets: list[dict[str, str]] = []
    while missing:
        answers = dict(min(sorted(pair) for pair in missing))
        for name, options in AXES.items():
            if name not in answers:
                gain = {
                    option: len(missing & met({**answers, name: option}))
                    for option in options
                    if possible({**answers, name: option})
                }
                answers[name] = max(gain, key=gain.__getitem__)
        missing -= met(answers)
        sets.append({name: answers[name] for name in AXES})
    return sets


def every_pair() -> set[frozenset[tuple[str, str]]]:
    """Return every possible pair of options of two questions."""
    return {
        frozenset({(a, x), (b, y)})
        for a, b in combinations(AXES, 2)
        for x in AXES[a]
        for y in AXES[b]
        if possible({a: x, b: y})
    }


def met(answers: Answers) -> set[frozenset[tuple[str, str]]]:
    """Return the pairs of options in a set of answers."""
    return {frozenset(pair) for pair in combinations(answers.items(), 2)}


def label(answers: Answers) -> str:
    """Return the id of a test for a set of answers."""
    return "+".join(value or f"no {name}" for name, value in answers.items()) or "defaults"


COMBINATIONS = [*singles(), *pairwise()]
