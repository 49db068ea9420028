"""The hooks: invalid answers leave nothing behind, unchosen rooms leave no files."""

import ast
import builtins
import re
import subprocess
import symtable
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config

from template_0_1_0 import Peer, class_name, plural, singular
from tests.support.names import ACCEPTED, COLLIDING
from tests.support.rendering import (
    MANIFEST,
    QUESTIONS,
    ROOMS,
    SERVICE,
    TEMPLATE,
    files,
    load,
    render,
)
from tests.support.stubs import contents

pre_gen = load(TEMPLATE / "hooks" / "pre_gen_project.py")
post_gen = load(TEMPLATE / "hooks" / "post_gen_project.py")


def answers(**given: str) -> dict[str, Any]:
    """Return all answers as cookiecutter passes them to the hooks."""
    context = generate_context(str(TEMPLATE / "cookiecutter.json"), extra_context=given)
    return dict(prompt_for_config(context, no_input=True))


def problems(**given: str) -> list[str]:
    """Return the problems that the hook reports for answers."""
    found: list[str] = pre_gen.problems(answers(**given), given, [])
    return found


# Pre-generation: service names

REFUSED_NAMES = [
    *(
        "Orders",
        "1st",
        "a_b",
        'x"y',
        "x'y",
        "-a",
        "a-",
        "a--b",
        "a" * 41,
        "a" * 300,
        "ö",
        "a b",
        "\U0001f34e" * 99,
    ),
    *("a.b", "a/b", "../a", "/usr/a", "..", ".", "", " ", "a\nb", "a\\b", "<< 7*7 >>", "$(id)"),
    *("class", "match", "type", "list", "print", "json", "platform", "test", "email", "queue"),
    *("kafka", "rabbitmq", "grpc", "consul", "etcd", "postgresql", "mysql", "github", "mtls"),
    *("flask", "sqlalchemy", "pydantic", "jwt", "granian", "alembic", "opentelemetry", "pytest"),
    *("prometheus-client", "src", "tests", "docs", "deploy", "migrations", "scripts", "contracts"),
    *("null", "true", "on", "localhost", "event-sourced", "blue-green"),
]


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_a_refused_name_leaves_nothing_behind(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FailedHookException):
        render(tmp_path / "out", service_name=name)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "These answers cannot become a service:"
    assert lines[1].startswith("  Service name (service_name): ")
    assert len(lines) == 2, "a default made from the name is not one more problem"
    assert list((tmp_path / "out").iterdir()) == []
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


@pytest.mark.parametrize(
    "name",
    [
        *("orders", "a1", "kafka-gateway", "mysql-admin", "json-api", "x" * 40, "s3-proxy"),
        *("api", "app", "common", "core", "domain", "main", "service", "services", "worker"),
    ],
)
def test_a_good_name_is_accepted(name: str) -> None:
    assert problems(service_name=name) == []


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xfail(reason="its class meets a name"))
        if name in COLLIDING
        else name
        for name in ACCEPTED
    ],
)
def test_a_plausible_name_is_accepted_with_its_resource(name: str) -> None:
    assert answers(service_name=name)["resource"] == ACCEPTED[name]
    assert problems(service_name=name) == []


def test_every_package_that_a_service_imports_is_refused(tmp_path: Path) -> None:
    imported = set()
    for path in files(render(tmp_path, database="mysql")):
        if path.suffix == ".py":
            imported |= set(imports(ast.parse(path.read_text())))
    scripts = {path.stem for path in (SERVICE / "scripts").glob("*.py")}
    own = {"orders", "tests", "__future__", *scripts}
    for package in imported - own:
        assert pre_gen.service_name_problem(package.replace("_", "-")), package


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the top-level packages that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_every_room_and_choice_is_a_refused_name() -> None:
    choices = {option for name in ("database", "ci") for option in MANIFEST[name]}
    for word in {*ROOMS, *choices}:
        assert pre_gen.service_name_problem(word.replace("_", "-")), word
        assert pre_gen.resource_problem(word, plural(word)), word


# Pre-generation: the other answers


def test_problems_are_named_in_the_words_of_the_prompts() -> None:
    prompts = MANIFEST["__prompts__"]
    free = [name for name in QUESTIONS if isinstance(MANIFEST[name], str)]
    assert list(pre_gen.LABELS) == free
    for name, label in pre_gen.LABELS.items():
        assert re.match(rf"{label}( \(|$|, relative)", prompts[name]), prompts[name]


@pytest.mark.parametrize(
    ("question", "bad"),
    [
        *[
            ("description", text)
            for text in ("", " ", " a", "a\nb", 'say "a"', "a\\b", "\x07", "é" * 201)
        ],
        *[
            ("description", text)
            for text in ("{{ a }}", "{% a %}", "<< 1 >>", "<# no #> a", "<% if 1 %>a<% endif %>")
        ],
        *[
            ("owner", team)
            for team in ("", "a team", "-a", "a--b", "@a", "a/b", "1", "yes", "a" * 64)
        ],
        *[("resource", noun) for noun in ("", "Order", "1st", "a-b", "a__b", "_a", "a_", "a" * 25)],
        *[("resource", noun) for noun in ("class", "match", "list", "byte", "var", "value_error")],
        *[
            ("resource", noun)
            for noun in ("kafka", "problem", "doc", "null", "idempotency_record", "<< 7*7 >>")
        ],
        *[
            ("depends_on", peers)
            for peers in ("a, b", "a,", ",", "A", "a,a", "orders", "kafka", "a;b")
        ],
        *[
            ("workspace", path)
            for path in ("/usr", ".", "a", "../", "../a b", "~", "../..a/../b\n", "$HOME")
        ],
    ],
)
def test_a_bad_answer_is_one_line_that_names_its_question(question: str, bad: str) -> None:
    found = problems(**{question: bad})
    assert len(found) == 1, found
    assert found[0].startswith(f"{pre_gen.LABELS[question]} ({question}): ")
    assert "\n" not in found[0]


@pytest.mark.parametrize(
    "good",
    [
        {"description": "Takes orders: it's 100 % of Müller & Söhne's <business>: `a`, #1, $5"},
        {"owner": "Team.A-1_b"},
        {"resource": "line_item"},
        {"resource": "github_repository"},
        {"depends_on": "inventory,payments"},
        {"workspace": ""},
        {"workspace": "../.."},
    ],
)
def test_a_good_answer_is_accepted(good: dict[str, str]) -> None:
    assert problems(**good) == []


def test_all_problems_are_reported_at_once() -> None:
    found = problems(service_name="A", owner="", resource="Order", depends_on="A,A", workspace="/")
    assert [line.partition(" (")[2].partition(")")[0] for line in found] == [
        "service_name",
        "owner",
        "resource",
        "depends_on",
        "workspace",
    ]


def test_a_resource_is_refused_if_its_name_collides_with_the_code_around_it(
    tmp_path: Path,
) -> None:
    """Render with a unique noun, and find the nouns that collide with another name in a scope."""
    every_room = {"depends_on": "stock", "discovery": "consul", "mesh": "service"}
    colliding = set()
    for path in files(render(tmp_path, resource="zzz", **every_room)):
        if path.suffix == ".py":
            for names in scopes(path):
                colliding |= set(met(names))
    refused = {*pre_gen.PYTHON, *pre_gen.TECHNOLOGIES, *pre_gen.YAML}
    nouns = {noun for noun in colliding if not refused & {noun, plural(noun), class_name(noun)}}

    assert nouns == pre_gen.LOCAL_NAMES, "change LOCAL_NAMES in hooks/pre_gen_project.py"


def test_a_resource_is_refused_if_its_plural_is_the_name_of_a_blueprint(tmp_path: Path) -> None:
    folder = render(tmp_path, resource="zzz") / "src/orders"
    text = "".join(path.read_text() for path in files(folder) if path.suffix == ".py")

    assert set(re.findall(r'Blueprint\(\s*"(\w+)"', text)) == {*pre_gen.BLUEPRINTS, "zzzs"}


def test_no_peer_collides_with_the_code_that_calls_it(tmp_path: Path) -> None:
    folder = render(tmp_path, depends_on="zzz") / "src/orders/adapters/peers"
    modules = {name for names in scopes(folder / "__init__.py") if "zzz" in names for name in names}
    classes = {name for names in scopes(folder / "zzz.py") if "Zzz" in names for name in names}
    nouns = {snake_case(name) for name in classes if class_name(snake_case(name)) == name}
    candidates = {name.replace("_", "-") for name in modules | nouns | set(map(plural, nouns))}
    accepted = [
        Peer(name)
        for name in candidates
        if "zzz" not in name.lower() and not pre_gen.service_name_problem(name)
    ]

    assert accepted
    assert [peer for peer in accepted if peer.module in modules] == []
    assert [peer for peer in accepted if peer.class_name in classes] == []


def scopes(path: Path) -> Iterator[set[str]]:
    """Yield the names that are bound or read in each scope of a module."""
    tables = [symtable.symtable(path.read_text(), str(path), "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        yield set(table.get_identifiers())


def snake_case(name: str) -> str:
    """Return a class name in lower case with _ between its words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


# Each form of the noun `zzz` in derived names, and the noun that yields such a form.
FORMS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "Zzzs": (lambda noun: class_name(plural(noun)), lambda form: singular(snake_case(form))),
    "zzzs": (plural, singular),
    "Zzz": (class_name, snake_case),
    "zzz": (str, str),
}


def met(names: set[str]) -> Iterator[str]:
    """Yield the nouns for which a name derived from `zzz` equals another name of its scope."""
    others = {name for name in names if "zzz" not in name.lower()}
    for own in names - others:
        form = next(form for form in FORMS if form in own)
        spell, noun_of = FORMS[form]
        before, after = own.split(form, 1)
        for other in others:
            if other.startswith(before) and other.endswith(after):
                noun = noun_of(other[len(before) : len(other) - len(after)])
                if (
                    pre_gen.SNAKE_CASE.fullmatch(noun)
                    and len(noun) <= 24
                    and before + spell(noun) + after == other
                ):
                    yield noun


@pytest.mark.parametrize(
    ("service_name", "resource", "several"),
    [
        ("orders", "order", "orders"),
        ("inventory", "inventory", "inventories"),
        ("categories", "category", "categories"),
        ("line-items", "line_item", "line_items"),
        ("addresses", "address", "addresses"),
        ("status", "status", "statuses"),
        ("news", "news", "news"),
        ("people", "person", "people"),
        ("customer-loyalty-points-redemption", "points_redemption", "points_redemptions"),
        ("s", "s", "ses"),
    ],
)
def test_words_are_derived_from_the_name(service_name: str, resource: str, several: str) -> None:
    derived = answers(service_name=service_name)
    assert derived["resource"] == resource
    assert derived["__plural"] == several
    assert derived["__path"] == several.replace("_", "-")
    assert derived["__package"] == service_name.replace("-", "_")
    assert derived["__class"] not in dir(builtins)


# Pre-generation: the command line


def cookiecutter(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the cookiecutter command."""
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config"]
    return subprocess.run(
        [*command, "-o", str(folder), str(TEMPLATE), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_an_unknown_name_on_the_command_line_is_refused(tmp_path: Path) -> None:
    result = cookiecutter(tmp_path, "databse=mysql", "x=1", "_rooms=", "description=a=b")
    assert result.returncode == 1
    assert result.stderr.splitlines()[:4] == [
        "These answers cannot become a service:",
        "  databse: no such question; did you mean database?",
        "  x: no such question; the questions are " + ", ".join(sorted(QUESTIONS)),
        "  _rooms: no such question; the questions are " + ", ".join(sorted(QUESTIONS)),
    ]
    assert list(tmp_path.iterdir()) == []


def test_names_are_found_on_the_command_lines_of_both_tools() -> None:
    def given(*line: str) -> list[str]:
        return list(pre_gen.unknown_names(list(line), QUESTIONS))

    assert given("python", "/bin/cookiecutter", "gh:a/b", "a=1", "owner=x=1") == ["a"]
    assert given("cookiecutter", "--no-input", "-o", "o=1", "--checkout=v=1", "t", "b=") == ["b"]
    assert given("python", "-m", "cookiecutter", "t", "c=1", "c=2") == ["c"]
    assert given("cruft", "create", "t", "--extra-context", '{"d": 1, "owner": "x"}') == ["d"]
    assert given("cruft", "update", "--variables-to-update", '{"e": 1}') == ["e"]
    assert given("pytest", "f=1") == []
    assert given() == []


HOSTILE = "'''); import os; os.mkdir('pwned') #"


def test_answers_are_data_to_the_hooks_and_never_code(tmp_path: Path) -> None:
    project = render(tmp_path, description=HOSTILE)
    assert not any(path.name == "pwned" for path in tmp_path.rglob("*"))
    assert HOSTILE in (project / "catalog-info.yaml").read_text()


def test_colours_are_for_terminals_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    bad = answers(owner="")
    assert pre_gen.main(bad, {}) == 1
    assert "\033" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert pre_gen.main(bad, {}) == 1
    assert "\033[31m" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    assert pre_gen.main(bad, {}) == 1
    assert "\033" not in capsys.readouterr().err


# Post-generation: rooms


@pytest.mark.parametrize("name", ["kafka-gateway", "mysql-admin", "gitlab-sync", "my-kafka"])
def test_a_service_named_like_a_room_keeps_its_package(
    rendered: Callable[..., Path], name: str
) -> None:
    project = rendered(service_name=name, database="sqlite")
    plain = rendered(service_name="zzz", database="sqlite")
    kept = {str(path.relative_to(project)) for path in files(project)}
    for own in (name, name.replace("-", "_")):
        kept = {path.replace(own, "zzz") for path in kept}
    assert kept == {str(path.relative_to(plain)) for path in files(plain)}


def test_pruning_matches_whole_words(tmp_path: Path) -> None:
    keep = [
        "src/kafka_gateway/platform/kafkaesque.py",
        "src/kafka_gateway/service/create_kafka_topic.py",
        "tests/unit/test_kafka_topics.py",
        "deploy/helm/kafka-gateway/Chart.yaml",
        "deploy/rabbitmq.yaml",
        ".git/refs/heads/kafka",
        ".venv/lib/kafka/__init__.py",
        "docs/empty-before/.gitkeep",
    ]
    drop = [
        "src/kafka_gateway/platform/messaging/kafka.py",
        "src/kafka_gateway/platform/kafka/consumer.py",
        "src/kafka_gateway/platform/kafka/deeper/kafka.py",
        "tests/unit/test_kafka.py",
        "deploy/compose/kafka.yaml",
        "deploy/kafka-gateway/kafka.yaml",
        "docs/adr/0009-Kafka.md",
        ".github/workflows/kafka-e2e.yml",
        "kafka.properties",
        "tests/event_sourced/test_replay.py",
        "src/kafka_gateway/adapters/event_sourced.py",
    ]
    for name in (*keep, *drop):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    given = {
        "service_name": "kafka-gateway",
        "__package": "kafka_gateway",
        "resource": "kafka_topic",
        "__plural": "kafka_topics",
        "messaging": "rabbitmq",
        "persistence": "crud",
        "_rooms": {
            "kafka": {"messaging": "kafka"},
            "rabbitmq": {"messaging": "rabbitmq"},
            "messaging": {"messaging": ["rabbitmq", "kafka"]},
            "event_sourced": {"persistence": "event_sourced"},
        },
    }
    post_gen.prune(tmp_path, given)
    assert {str(path.relative_to(tmp_path)) for path in files(tmp_path)} == set(keep)
    for folder in (
        "src/kafka_gateway/platform/messaging",
        "docs/adr",
        ".github",
        "tests/event_sourced",
    ):
        assert not (tmp_path / folder).exists()


@pytest.mark.parametrize("database", ["postgresql", "mysql", "sqlite"])
def test_rendering_over_another_choice_swaps_the_rooms(tmp_path: Path, database: str) -> None:
    over = render(tmp_path / "over", database="mysql", ci="gitlab")
    over = render(tmp_path / "over", database=database)
    fresh = render(tmp_path / "fresh", database=database)
    assert {path.relative_to(over): path.read_bytes() for path in files(over)} == {
        path.relative_to(fresh): path.read_bytes() for path in files(fresh)
    }
    assert contents(over.parent) == contents(fresh.parent)


# Post-generation: pieces


def test_pieces_are_joined_in_the_order_of_their_names(tmp_path: Path) -> None:
    pieces = {
        "values.yaml.d/20-kafka.yaml": "kafka: {}\n",
        "values.yaml.d/10-service.yaml": "image: orders\n\n",
        "values.yaml.d/90-end.yaml": "end: true\n",
        "deploy/.env.example.d/10-service.example": "# PORT=8000\n",
        "deploy/Dockerfile.d/10-build": "FROM base\n",
    }
    write(tmp_path, pieces)
    write(tmp_path, {"values.yaml": "of the last rendering\n"})

    post_gen.join(tmp_path)

    assert written(tmp_path) == {
        "values.yaml": "image: orders\n\nkafka: {}\nend: true\n",
        "deploy/.env.example": "# PORT=8000\n",
        "deploy/Dockerfile": "FROM base\n",
    }


def test_a_joined_file_has_the_mode_of_its_first_piece(tmp_path: Path) -> None:
    write(tmp_path, {"run.sh.d/10-a.sh": "#!/bin/sh\n", "run.sh.d/20-b.sh": "true\n"})
    (tmp_path / "run.sh.d/10-a.sh").chmod(0o755)

    post_gen.join(tmp_path)

    assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o755


def test_folders_of_the_service_itself_are_left_alone(tmp_path: Path) -> None:
    own = {
        "deploy/conf.d/10-pool.conf": "no piece: conf.d has no suffix\n",
        "deploy/nginx.conf.d/10-pool.conf": "beside what is no piece\n",
        "deploy/nginx.conf.d/README.md": "so all of it stays\n",
        "cron.d/backup": "no number\n",
        ".venv/values.yaml.d/10-service.yaml": "another program's\n",
        ".d/10-service": "no name\n",
    }
    write(tmp_path, own)
    (tmp_path / "empty.d").mkdir()
    (tmp_path / "linked.yaml.d").symlink_to(tmp_path / "deploy")

    post_gen.join(tmp_path)

    assert written(tmp_path) == own
    assert (tmp_path / "empty.d").is_dir()
    assert (tmp_path / "linked.yaml.d").is_symlink()


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write files by their paths in a folder."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def written(folder: Path) -> dict[str, str]:
    """Return the files in a folder, by their paths."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files(folder)}


# Post-generation: registration and the closing message


def test_five_services_rendered_twice_leave_the_shared_files_byte_identical(tmp_path: Path) -> None:
    services = {
        "orders": "inventory",
        "inventory": "",
        "payments": "",
        "users": "",
        "mail": "users",
    }
    for name, peers in services.items():
        render(tmp_path, service_name=name, depends_on=peers)
    once = contents(tmp_path)
    ours = {name for name in once if not name.startswith("platform/")}
    assert ours == {"catalog-info.yaml", "compose.yaml", "services.yaml"}
    head, *routes = once["platform/gateway/routes.conf"].decode().splitlines()
    assert head.startswith("# Derived from services.yaml")
    assert routes == [f"/{name} http://{name}:8000;" for name in sorted(services)]
    assert b"    depends_on: [inventory]\n" in once["services.yaml"]
    assert b"    ports: {http: 8005}\n" in once["services.yaml"]
    for name, peers in services.items():
        render(tmp_path, service_name=name, depends_on=peers)
    assert contents(tmp_path) == once


def test_no_workspace_registers_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    render(tmp_path, workspace="")
    assert contents(tmp_path) == {}
    assert "not registered" in capfd.readouterr().out


def test_a_service_deeper_down_is_registered_further_up(tmp_path: Path) -> None:
    render(tmp_path / "team", workspace="../..")
    assert b"path: team/orders\n" in contents(tmp_path)["services.yaml"]
    assert contents(tmp_path / "team") == {}


def test_a_workspace_that_cannot_be_edited_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "compose.yaml").write_text("services: [broken\n")
    before = contents(tmp_path)
    with pytest.raises(FailedHookException):
        render(tmp_path)
    assert contents(tmp_path) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "compose.yaml"]
    error = capfd.readouterr().err
    assert error.startswith(f"Not registered; nothing changed: {tmp_path}/compose.yaml:2: ")
    assert len(error.splitlines()) == 1


def test_a_workspace_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FailedHookException):
        render(tmp_path, workspace="../nowhere")
    assert list(tmp_path.iterdir()) == []


def test_the_next_commands_are_right_from_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for here, way in ((tmp_path, "team/orders"), (Path("/usr"), str(tmp_path / "team" / "orders"))):
        monkeypatch.setenv("PWD", str(here))
        render(tmp_path / "team")
        out = capfd.readouterr().out
        commands = [line.strip() for line in out.splitlines() if line.startswith("  ")]
        assert commands[0] == f"cd {way}"
        assert commands[1].startswith("make run")
        assert "http://127.0.0.1:8001" in commands[1]
        assert commands[2].startswith("make token")
        assert "\033" not in out


def test_the_hooks_leave_no_bytecode(tmp_path: Path) -> None:
    assert not [path for path in files(render(tmp_path)) if path.suffix == ".pyc"]


def test_the_manifest_asks_in_the_order_of_the_interface() -> None:
    order = (
        *("service_name", "description", "owner", "resource", "depends_on", "database"),
        *("persistence", "messaging", "grpc", "discovery", "tracing", "mesh", "deploy", "rollout"),
        *("ci", "python_version", "workspace"),
    )
    assert [name for name in order if name in QUESTIONS] == QUESTIONS
    assert set(MANIFEST["__prompts__"]) == set(QUESTIONS)
