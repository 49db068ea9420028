"""Rendered files stay formatted, linted and consistent with every accepted name."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config

from tests.support.names import NAMES, label
from tests.support.rendering import SERVICE, files, render


@pytest.fixture(scope="module", params=NAMES, ids=label)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service with one of the names."""
    return render(tmp_path_factory.mktemp("name"), **request.param)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service with the usual name."""
    return render(tmp_path_factory.mktemp("usual"))


def test_formatted_and_linted(service: Path) -> None:
    for check in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--quiet", "--no-cache", "."],
            cwd=service,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_two_files_share_a_name(service: Path, usual: Path) -> None:
    assert sum(1 for _ in files(service)) == sum(1 for _ in files(usual))


@pytest.mark.parametrize(
    ("service_name", "names"),
    [
        ("orders", {"__package": "orders", "resource": "order", "__class": "Order"}),
        (
            "line-items",
            {"__package": "line_items", "resource": "line_item", "__path": "line-items"},
        ),
        ("categories", {"resource": "category", "__plural": "categories"}),
        ("addresses", {"resource": "address", "__plural": "addresses", "__a_noun": "an address"}),
        ("boxes", {"resource": "box", "__plural": "boxes"}),
        ("news", {"resource": "news", "__plural": "news", "__class": "News"}),
        ("status", {"resource": "status", "__plural": "statuses"}),
        ("stock", {"resource": "stock", "__plural": "stocks", "__class": "Stock"}),
    ],
)
def test_names_are_derived(service_name: str, names: dict[str, str]) -> None:
    assert derived(service_name).items() >= names.items()


OTHER_ANSWERS: list[dict[str, str]] = [
    {},
    {"depends_on": "stock", "discovery": "consul", "mesh": "istio", "rollout": "canary"},
    {"depends_on": "stock", "discovery": "etcd", "mesh": "linkerd", "rollout": "blue_green"},
    {"depends_on": "stock", "deploy": "swarm", "database": "mysql", "ci": "gitlab"},
]


@pytest.fixture(scope="module", params=OTHER_ANSWERS, ids=lambda one: "-".join(one.values()))
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service that shares no name with the default one."""
    names = {"service_name": "lending-desk", "resource": "loan"}
    return render(tmp_path_factory.mktemp("other"), **names, **request.param)


def test_default_names_are_not_hard_coded(other: Path) -> None:
    default = re.compile(r"\borders\b|Orders?(?![a-z])")

    assert [file for file in files(other) if default.search(f"{file}\n{file.read_text()}")] == []


def test_every_file_refers_to_the_same_service(other: Path) -> None:
    project = tomllib.loads((other / "pyproject.toml").read_text())
    catalog = list(yaml.safe_load_all((other / "catalog-info.yaml").read_text()))
    compose = yaml.safe_load((other / "compose.yaml").read_text())
    names = {
        other.name,
        project["project"]["name"],
        catalog[0]["metadata"]["name"],
        next(name for name, service in compose["services"].items() if "expose" in service),
    }

    assert names == {"lending-desk"}
    assert [folder.name for folder in (other / "src").iterdir()] == ["lending_desk"]
    assert project["tool"]["importlinter"]["root_package"] == "lending_desk"


def derived(service_name: str) -> dict[str, str]:
    """Return every answer as cookiecutter renders it for a name."""
    context = generate_context(
        str(SERVICE.parent / "cookiecutter.json"), extra_context={"service_name": service_name}
    )
    return dict(prompt_for_config(context, no_input=True))
