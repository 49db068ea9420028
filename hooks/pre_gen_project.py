"""Refuse invalid answers: report all problems at once, before any file is rendered.

Runs as a rendered copy on cookiecutter's interpreter, so it is one file and uses the standard library
only. cookiecutter removes the new folder if the exit status is 1.
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

# Labels of the questions with free answers.
LABELS = {
    "service_name": "Service name",
    "description": "Description",
    "owner": "Owning team",
    "resource": "Example resource",
    "depends_on": "Upstream services",
    "workspace": "Workspace folder",
}

DNS_LABEL = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
TEAM = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*")
AROUND = re.compile(r"\.\.(/\.\.)*")

# Delimiters of this template and of Jinja; composed, because Jinja renders this file as well.
DELIMITERS = tuple(left + right for left in "<{" for right in (left, "%", "#"))

# fmt: off
PYTHON = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
YAML = {"false", "n", "no", "null", "off", "on", "true", "y", "yes"}
TECHNOLOGIES = {
    "alertmanager", "analysis", "announcer", "argo", "blue_green", "broker", "canary", "cleartext",
    "collector", "compose", "consul", "crud", "discovery", "dns", "docker", "edge", "embedded",
    "etcd", "event_sourced", "github", "gitlab", "grafana", "grpc", "helm", "istio", "jaeger",
    "kafka", "kubernetes", "linkerd", "localhost", "mariadb", "mesh", "messaging", "mtls", "mysql",
    "none", "otel", "otel_collector", "outbox", "pact", "peer", "peers", "plain", "plaintext",
    "postgres", "postgresql", "prometheus", "rabbitmq", "redis", "registry", "remote",
    "resilience", "resolution", "rolling", "rollout", "sqlite", "swarm", "tempo", "tls", "tracing",
    "zipkin",
}
PACKAGES = {
    "aiokafka", "alembic", "annotated_types", "cheroot", "click", "coloredlogs", "confluent_kafka",
    "cryptography", "etcd3gw", "flask", "flask_openapi3", "flask_openapi3_swagger", "google",
    "granian", "greenlet", "grimp", "httpx", "hypothesis", "importlinter", "itsdangerous", "jinja2", "jwt", "mako",
    "markupsafe", "mypy", "opentelemetry", "orjson", "pact_ffi", "pika", "pip", "prometheus_client", "psycopg",
    "psycopg2", "psycopg_pool", "pybreaker", "pydantic", "pydantic_core", "pymysql", "pytest", "requests",
    "ruff", "schemathesis", "setuptools", "sqlalchemy", "structlog", "tenacity", "typing_extensions", "urllib3",
    "uv", "werkzeug", "yaml",
}
FOLDERS = {
    "adapters", "bootstrap", "build", "contracts", "deploy", "dev", "dist", "docs", "lib",
    "migrations", "platform", "presets", "proto", "scripts", "src", "test", "tests",
}
# Blueprints of every service; that of the resource is named after its plural.
BLUEPRINTS = {"docs", "health"}
# Classes and variables of the code around the resource; tests/template/test_hooks.py computes them.
LOCAL_NAMES = {
    "accepts", "annotated", "api_tag", "base_model", "change_header", "changes", "config_dict",
    "connection", "create_header", "cursor", "database_reader", "database_repository",
    "database_unit_of_work", "datetime", "delete_header", "description", "engine",
    "event_recorder", "field", "field_problem", "header_key", "idempotency", "idempotency_key",
    "idempotency_record", "idempotency_records", "idempotency_row", "integrity_error", "iterable",
    "json_dict", "key_reused", "key_taken", "mapped", "mapping", "name", "not_found", "now", "page_query",
    "precondition_required", "problem", "protocol", "read_header", "reader",
    "repository", "response", "schema", "self", "sequence", "skip_json_schema",
    "stored", "string", "string_constraints", "tables", "text", "type_adapter", "unit_of_work", "unpack",
    "use_cases", "uuid", "version_mismatch", "work",
}
# fmt: on

TAKEN = {
    "a keyword or built-in name of Python": PYTHON,
    "a module of Python's standard library": sys.stdlib_module_names,
    "a package that services import": PACKAGES,
    "the name of a technology that services and the workspace use": TECHNOLOGIES,
    "the name of a folder or part of every service or workspace": FOLDERS,
    "a word that YAML reads as a value": YAML,
}


def problems(answers: dict[str, Any], raw: dict[str, Any], arguments: list[str]) -> list[str]:
    """Return all problems of the answers, the raw answers and the command line."""
    found = {
        "service_name": service_name_problem(answers["service_name"]),
        "description": description_problem(answers["description"]),
        "owner": owner_problem(answers["owner"]),
        "resource": resource_problem(answers["resource"], answers["__plural"]),
        "depends_on": depends_on_problem(answers["depends_on"], answers["service_name"]),
        "workspace": workspace_problem(answers["workspace"]),
    }
    if found["service_name"]:
        # Don't report defaults that are derived from a refused name.
        found = {name: problem for name, problem in found.items() if not derived(name, answers)}
    for name in LABELS:
        if name in raw and rendered_by_accident(raw[name]):
            found[name] = f"{raw[name]!r} contains template delimiters; remove them"
    lines = [f"{LABELS[name]} ({name}): {problem}" for name, problem in found.items() if problem]
    lines += [impossible(pair, answers) for pair in answers["_impossible"] if meets(pair, answers)]
    questions = [name for name in answers if not name.startswith("_")]
    return lines + [unknown(name, questions) for name in unknown_names(arguments, questions)]


def meets(pair: dict[str, Any], answers: dict[str, Any]) -> bool:
    """Return whether the answers are an impossible combination."""
    return all(answers[name] in choices for name, choices in pair["answers"].items())


def impossible(pair: dict[str, Any], answers: dict[str, Any]) -> str:
    """Return one line for an impossible combination, with the reason and the remedy."""
    names = list(pair["answers"])
    combined = " cannot be combined with ".join(f"{name}={answers[name]}" for name in names)
    return f"{', '.join(names)}: {combined}: {pair['because']}"


def service_name_problem(name: str) -> str | None:
    """Return the problem of a service's name: its form, or a name that is taken."""
    if not DNS_LABEL.fullmatch(name) or len(name) > 40:
        return (
            f"{shown(name)} is not a DNS label of at most 40 characters (lower-case letters, "
            f"digits, single hyphens; a letter first); for instance {label_like(name)!r}"
        )
    word = name.replace("-", "_")
    for what, words in TAKEN.items():
        if word in words:
            return f"{name!r} is {what}; choose another name, for instance '{name}-service'"
    return None


def description_problem(text: str) -> str | None:
    """Return the problem of a description, which files of many formats quote on one line."""
    if not text.strip() or text != text.strip() or not text.isprintable() or len(text) > 200:
        return f"{shown(text)} is not one line of 1 to 200 printable characters"
    if bad := [mark for mark in ('"', "\\", *DELIMITERS) if mark in text]:
        return f"{shown(text)} contains {' and '.join(bad)}; remove it"
    return None


def owner_problem(team: str) -> str | None:
    """Return the problem of a team's name, which is used in the catalog, CODEOWNERS and alerts."""
    if not TEAM.fullmatch(team) or len(team) > 63 or team.lower() in YAML:
        return (
            f"{shown(team)} is not a team name of at most 63 characters (letters, digits, single "
            "- _ . between them; a letter first); for instance 'platform-team'"
        )
    return None


def resource_problem(noun: str, plural: str) -> str | None:
    """Return the problem of a resource, which names classes, modules, columns and variables."""
    if not SNAKE_CASE.fullmatch(noun) or len(noun) > 24:
        return (
            f"{shown(noun)} is not a snake_case noun of at most 24 characters (lower-case letters, "
            "digits, single underscores; a letter first); for instance 'order'"
        )
    names = {noun, plural, "".join(map(str.capitalize, noun.split("_")))}
    remedy = f"choose another noun, for instance '{noun}_record'"
    if PYTHON & names:
        return f"{noun!r} would hide a keyword or built-in name of Python; {remedy}"
    if names & {*LOCAL_NAMES, *BLUEPRINTS, *TECHNOLOGIES, *YAML}:
        return f"{noun!r} is a name that the code of every service uses; {remedy}"
    return None


def depends_on_problem(names: str, service_name: str) -> str | None:
    """Return the problem of the list of peers, whose names follow the rules of service names."""
    peers = names.split(",") if names else []
    wrong = [f"{peer!r} cannot be a service's name" for peer in peers if service_name_problem(peer)]
    if service_name in peers:
        wrong.append(f"{service_name!r} is the service itself")
    wrong += sorted({f"{peer!r} is listed twice" for peer in peers if peers.count(peer) > 1})
    if wrong:
        return f"{', '.join(wrong)}; list other services, as in 'inventory,payments'"
    return None


def workspace_problem(folder: str) -> str | None:
    """Return the problem of the workspace; it is relative, since cruft renders in other folders."""
    if folder and not AROUND.fullmatch(folder):
        return f"{shown(folder)} is not a folder around the service; use '..' or '../..', or '' for none"
    return None


def derived(name: str, answers: dict[str, Any]) -> bool:
    """Return whether an answer is the default that is derived from the service's name."""
    if name == "description":
        # The extension shortens long names and replaces / by |, so that no other folder is used.
        text: str = answers[name][:99].strip().replace("/", "|")
        return text.startswith(f"The {answers['service_name'].strip()}"[:99])
    return name == "resource" and bool(answers[name] == answers["__default_resource"])


def rendered_by_accident(raw: object) -> bool:
    """Return whether an answer contains Jinja, which cookiecutter would render."""
    text = str(raw)
    return any(mark in text for mark in DELIMITERS) and "cookiecutter.service_name" not in text


def unknown_names(arguments: list[str], questions: list[str]) -> Iterator[str]:
    """Yield names on the command line that no question has; cookiecutter and cruft ignore them."""
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
    """Return one line for a name that no question has, with the closest question."""
    close = difflib.get_close_matches(name, questions, 1)
    guess = f"did you mean {close[0]}?" if close else f"the questions are {', '.join(questions)}"
    return f"{name}: no such question; {guess}"


def parent_arguments() -> list[str]:
    """Return the command line of the process that runs this hook, where /proc shows it."""
    try:
        line = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in line.split(b"\0")]


def shown(text: str) -> str:
    """Return an answer in quotes, on one line, shortened if it is long."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return ascii(short) if not short.isprintable() else repr(short)


def label_like(name: str) -> str:
    """Return the closest DNS label."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "-".join(words).lstrip("0123456789-")[:40].strip("-") or "orders"


def main(answers: dict[str, Any], raw: dict[str, Any]) -> int:
    """Print the problems, one per line, and return the exit status."""
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
