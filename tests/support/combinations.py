"""The sets of answers that every rendered service is checked with."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from tests.support.rendering import CHOICES, MANIFEST

Answers = Mapping[str, str]

# Questions with a free answer whose form changes what is rendered, besides those with choices.
AXES: dict[str, Sequence[str]] = {
    **CHOICES,
    "depends_on": ("", "inventory,payments"),
    "workspace": ("..", ""),
}

# Questions whose answer is only a word or a line in the text; test_names.py varies them.
WORDS = {"service_name", "description", "owner", "resource"}


def singles() -> list[dict[str, str]]:
    """The defaults, then every other option alone."""
    return [{}, *({name: option} for name, options in AXES.items() for option in options[1:])]


def possible(answers: Answers) -> bool:
    """Whether these answers go together, as cookiecutter.json says."""
    return not any(
        all(answers.get(name) in wanted for name, wanted in pair["answers"].items())
        for pair in MANIFEST["_impossible"]
    )


def pairwise() -> list[dict[str, str]]:
    """Few sets of answers in which every two options of two questions meet at least once.

    Greedy: start from a pair not yet met, then give each other question the option
    that makes the most new pairs.
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
    """Every two options of two questions that go together."""
    return {
        frozenset({(a, x), (b, y)})
        for a, b in combinations(AXES, 2)
        for x in AXES[a]
        for y in AXES[b]
        if possible({a: x, b: y})
    }


def met(answers: Answers) -> set[frozenset[tuple[str, str]]]:
    """The pairs of options that occur in a set of answers."""
    return {frozenset(pair) for pair in combinations(answers.items(), 2)}


def label(answers: Answers) -> str:
    """A set of answers as the id of a test."""
    return "+".join(value or f"no {name}" for name, value in answers.items()) or "defaults"


COMBINATIONS = [*singles(), *pairwise()]
