"""Refuse answers that cannot become a service: all problems at once, before a file is rendered.

Runs as a rendered copy on cookiecutter's own interpreter: one file, the standard library only.
cookiecutter takes the new folder away again when this ends with exit status 1.
"""

import builtins
import difflib
import json
import keyword
import os
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

# The questions in the words of their prompts.
LABELS = {
    "service_name": "Name of the service",
    "description": "What it does, in one line",
    "owner": "Owning team",
    "resource": "Its example resource, singular",
    "depends_on": "Services it calls",
    "workspace": "Folder with the shared files",
}

DNS_LABEL = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
TEAM = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*")
OUTSIDE = re.compile(r"\.\.(/\.\.)*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")

# Jinja's as this template sets them (put together here: this file is rendered too), and the usual.
DELIMITERS = tuple(left + right for left in "<{" for right in (left, "%", "#"))

# fmt: off
PYTHON = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
YAML = {"false", "n", "no", "null", "off", "on", "true", "y", "yes"}
TECHNOLOGIES = {
    "alertmanager", "analysis", "announcer", "argo", "blue_green", "broker", "canary", "collector",
    "compose", "consul", "crud", "discovery", "dns", "docker", "edge", "embedded", "etcd",
    "event_sourced", "gateway", "github", "gitlab", "grafana", "grpc", "helm", "identity", "istio",
    "jaeger", "kafka", "kubernetes", "linkerd", "localhost", "mariadb", "mesh", "messaging",
    "mysql", "none", "otel", "otel_collector", "outbox", "pact", "peer", "peers", "plain",
    "postgres", "postgresql", "prometheus", "rabbitmq", "redis", "remote", "resilience", "rollout",
    "rolling", "sqlite", "swarm", "tempo", "tls", "tracing", "zipkin",
}
PACKAGES = {
    "aiokafka", "alembic", "annotated_types", "cheroot", "click", "coloredlogs", "confluent_kafka",
    "cryptography", "etcd3gw", "flask", "flask_openapi3", "flask_openapi3_swagger", "google",
    "granian", "greenlet", "httpx", "hypothesis", "itsdangerous", "jinja2", "jwt", "mako",
    "markupsafe", "mypy", "opentelemetry", "orjson", "pact_ffi", "pika", "pip", "prometheus_client", "psycopg",
    "psycopg2", "psycopg_pool", "pybreaker", "pydantic", "pydantic_core", "pymysql", "pytest", "requests",
    "ruff", "schemathesis", "setuptools", "sqlalchemy", "structlog", "tenacity", "typing_extensions", "urllib3",
    "uv", "werkzeug", "yaml",
}
FOLDERS = {
    "adapters", "api", "app", "bootstrap", "build", "common", "contracts", "core", "deploy", "dev",
    "dist", "docs", "domain", "lib", "main", "migrations", "platform", "presets", "proto",
    "scripts", "service", "services", "settings", "src", "test", "tests", "worker",
}
# Names that the code around the resource uses; tests/fast/test_hooks.py finds out which.
LOCAL_NAMES = {
    "adapters", "annotated", "barrier", "base", "changes", "connection", "cursor", "description",
    "engine", "field", "idempotency", "idempotency_record", "iterable", "iterator", "key", "mapped",
    "memory", "name", "once", "page", "problem", "protocol", "reader", "repository", "response",
    "schema", "self", "sequence", "string", "tag", "text", "unpack", "uuid",
}
# fmt: on

TAKEN = {
    "a word of Python": PYTHON,
    "a module of Python's standard library": sys.stdlib_module_names,
    "a package that services import": PACKAGES,
    "the name of a technology that services and the workspace use": TECHNOLOGIES,
    "the name of a folder or part of every service or workspace": FOLDERS,
    "a word that YAML reads as a value": YAML,
}


def problems(answers: dict[str, Any], raw: dict[str, Any], arguments: list[str]) -> list[str]:
    """Everything that is wrong: with the answers, as they were typed, and on the command line."""
    found = {
        "service_name": service_name_problem(answers["service_name"]),
        "description": description_problem(answers["description"]),
        "owner": owner_problem(answers["owner"]),
        "resource": resource_problem(answers["resource"]),
        "depends_on": depends_on_problem(answers["depends_on"], answers["service_name"]),
        "workspace": workspace_problem(answers["workspace"]),
    }
    if found["service_name"]:
        # A default made from a refused name is not one more mistake.
        found = {name: problem for name, problem in found.items() if not derived(name, answers)}
    for name in LABELS:
        if name in raw and rendered_by_accident(raw[name]):
            found[name] = f"{raw[name]!r} holds template delimiters; write it without them"
    lines = [f"{LABELS[name]} ({name}): {problem}" for name, problem in found.items() if problem]
    lines += [impossible(pair, answers) for pair in answers["_impossible"] if meets(pair, answers)]
    questions = [name for name in answers if not name.startswith("_")]
    return lines + [unknown(name, questions) for name in names_given(arguments, questions)]


def meets(pair: dict[str, Any], answers: dict[str, Any]) -> bool:
    """Tell whether the answers are among those that do not go together."""
    return all(answers[name] in wanted for name, wanted in pair["answers"].items())


def impossible(pair: dict[str, Any], answers: dict[str, Any]) -> str:
    """One line for answers that do not go together, with the reason."""
    names = list(pair["answers"])
    said = " and ".join(f"{name}={answers[name]}" for name in names)
    return f"{', '.join(names)}: {said} do not go together: {pair['because']}"


def service_name_problem(name: str) -> str | None:
    """What forbids this name: its form, or somebody who has it already."""
    if not DNS_LABEL.fullmatch(name) or len(name) > 40:
        return (
            f"{shown(name)} is no DNS label of at most 40 characters (lower case letters, digits, "
            f"single hyphens between them, a letter first); for instance {label_like(name)!r}"
        )
    word = name.replace("-", "_")
    for what, words in TAKEN.items():
        if word in words:
            return f"{name!r} is {what}; say what it is about, for instance '{name}-service'"
    return None


def description_problem(text: str) -> str | None:
    """Files of many kinds quote the description on one line, so it keeps off what they differ in."""
    if not text.strip() or text != text.strip() or not text.isprintable() or len(text) > 200:
        return f"{shown(text)} is not one line of 1 to 200 printable characters"
    if bad := [mark for mark in ('"', "\\", *DELIMITERS) if mark in text]:
        return f"{shown(text)} holds {' and '.join(bad)}; write it in plain words"
    return None


def owner_problem(team: str) -> str | None:
    """The team's name goes into the catalog, CODEOWNERS and alerts as it is."""
    if not TEAM.fullmatch(team) or len(team) > 63 or team.lower() in YAML:
        return (
            f"{shown(team)} is no team name of at most 63 characters (letters and digits, single "
            "- _ . between them, a letter first); for instance 'platform-team'"
        )
    return None


def resource_problem(noun: str) -> str | None:
    """The resource becomes a class, modules, columns and many local names."""
    if not SNAKE_CASE.fullmatch(noun) or len(noun) > 40:
        return (
            f"{shown(noun)} is no snake_case noun of at most 40 characters (lower case letters, "
            "digits, single underscores between them, a letter first); for instance 'order'"
        )
    names = (noun, plural(noun), "".join(map(str.capitalize, noun.split("_"))))
    if PYTHON.intersection(names):
        return f"{noun!r} would hide a word of Python; say {noun + '_record'!r}"
    if {*LOCAL_NAMES, *TECHNOLOGIES, *YAML}.intersection(names):
        return f"{noun!r} is a name that services use themselves; say {noun + '_record'!r}"
    return None


def plural(noun: str) -> str:
    """Count several, with the rule that `__plural` in cookiecutter.json has."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def depends_on_problem(names: str, service_name: str) -> str | None:
    """Peers are services, so their names follow the same rules."""
    peers = names.split(",") if names else []
    wrong = [f"{peer!r} is no service's name" for peer in peers if service_name_problem(peer)]
    if service_name in peers:
        wrong.append(f"{service_name!r} is the service itself")
    wrong += sorted({f"{peer!r} is there twice" for peer in peers if peers.count(peer) > 1})
    if wrong:
        return f"{', '.join(wrong)}; put commas between names: 'inventory,payments'"
    return None


def workspace_problem(folder: str) -> str | None:
    """An absolute path would be written to from the temporary folders of `cruft update` too."""
    if folder and not OUTSIDE.fullmatch(folder):
        return f"{shown(folder)} is no relative path out of the service; say '..', or '' for none"
    return None


def derived(name: str, answers: dict[str, Any]) -> bool:
    """Whether the answer is the default that cookiecutter.json makes from the service's name."""
    # cookiecutter.json shortens a name that would make folders elsewhere, and puts | for its /.
    text = str(answers[name])[:99].strip().replace("/", "|")
    service = answers["service_name"].strip()
    word = service.replace("-", "_")
    if name == "description":
        return text.startswith(f"The {service}"[:99])
    return name == "resource" and text in {word, word[:-1], word[:-2], word[:-3] + "y"}


def rendered_by_accident(raw: object) -> bool:
    """Command line answers are Jinja to cookiecutter; only our own defaults are meant to be."""
    text = str(raw)
    return any(mark in text for mark in DELIMITERS) and "cookiecutter.service_name" not in text


def names_given(arguments: list[str], questions: list[str]) -> Iterator[str]:
    """Names on cookiecutter's or cruft's command line that no question has: both ignore them."""
    if not {Path(word).name for word in arguments[:3]} & {"cookiecutter", "cruft"}:
        return
    names: list[str] = []
    for before, word in pairwise(arguments):
        if before in {"--extra-context", "--variables-to-update"}:
            names += json.loads(word)
        elif before not in OPTIONS_WITH_VALUE and re.match(r"\w+=", word):
            names.append(word.partition("=")[0])
    yield from (name for name in dict.fromkeys(names) if name not in questions)


# fmt: off
OPTIONS_WITH_VALUE = {
    "-c", "--checkout", "--directory", "--replay-file", "-o", "--output-dir", "--config-file",
    "--debug-file",
}
# fmt: on


def unknown(name: str, questions: list[str]) -> str:
    """One line for a name that is no question's."""
    close = difflib.get_close_matches(name, questions, 1)
    guess = f"did you mean {close[0]}?" if close else f"the questions are {', '.join(questions)}"
    return f"{name}: there is no such question; {guess}"


def parent_arguments() -> list[str]:
    """The command line of the process that runs this hook, where the system shows it."""
    try:
        line = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in line.split(b"\0")]


def shown(text: str) -> str:
    """An answer as a person can recognise it, on one line and not too long."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return ascii(short) if not short.isprintable() else repr(short)


def label_like(name: str) -> str:
    """The nearest DNS label."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "-".join(words).lstrip("0123456789-")[:40].strip("-") or "orders"


def main(answers: dict[str, Any], raw: dict[str, Any]) -> int:
    """Print the problems, one a line; the exit status."""
    lines = problems(answers, raw, parent_arguments())
    if not lines:
        return 0
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    red, plain = ("\033[31m", "\033[0m") if colour else ("", "")
    print(f"{red}These answers cannot become a service:{plain}", file=sys.stderr)
    for line in lines:
        name, _, problem = line.partition(": ")
        print(f"  {red}{name}:{plain} {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    # Data, never source: tojson leaves no quote, < or > that could end the string or a delimiter.
    ANSWERS = json.loads(r'''<< cookiecutter | tojson >>''')  # fmt: skip
    RAW = json.loads(r'''<< _cookiecutter | default({}) | tojson >>''')  # fmt: skip
    sys.exit(main(ANSWERS, RAW))
