"""The cost of a new room: a trial room touches few shared files and leaves no trace."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from cookiecutter.main import cookiecutter

from tests.support import chart_values as charts
from tests.support.rendering import SERVICE, TEMPLATE, files

PARTS = ("cookiecutter.json", "hooks", SERVICE.name)
CHART = f"deploy/helm/{SERVICE.name}"
BOOTSTRAP = "src/<<cookiecutter.__package>>/bootstrap.py"

# Files of the room: its code, its page, and a piece of each file that mentions it.
FURNITURE = {
    "src/<<cookiecutter.__package>>/adapters/trial.py": '"""A trial."""\n\nURL = "trial:1"\n',
    "docs/trial.md": "# The trial\n",
    ".env.example.d/20-trial.example": "\n# TRIAL_URL=trial:1\n",
    "README.md.d/20-trial.md": "- [docs/trial.md](docs/trial.md): the trial\n",
    "compose.yaml.d/12-environment-trial.yaml": "      TRIAL_URL: trial:1\n",
    "compose.yaml.d/40-trial.yaml": "\n  trial:\n    image: trial:1\n",
    "docs/runbook.md.d/30-trial.md": "\n## The trial fails\n\nRepeat it.\n",
    "pyproject.toml.d/20-trial.toml": '  "trial>=1",\n',
    f"{CHART}/values.yaml.d/31-config-trial.yaml": "  TRIAL_URL: trial:1\n",
    f"{CHART}/values.yaml.d/61-network-policy-trial.yaml": (
        "  # What TRIAL_URL names.\n"
        "  trial:\n"
        "    to:\n"
        "      - podSelector:\n"
        "          matchLabels: {app.kubernetes.io/name: trial}\n"
        "    port: 1\n"
    ),
    f"{CHART}/values.schema.json.d/41-network-policy-trial.json": (
        '        "trial": {"$ref": "#/definitions/to"},\n'
    ),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template with an additional room."""
    folder = tmp_path_factory.mktemp("template")
    for part in PARTS:
        copy = shutil.copytree if (TEMPLATE / part).is_dir() else shutil.copy
        copy(TEMPLATE / part, folder / part)
    manifest = json.loads((folder / "cookiecutter.json").read_text("utf-8"))
    manifest = {"service_name": manifest["service_name"], "trial": ["none", "trial"], **manifest}
    manifest["_rooms"]["trial"] = {"trial": "trial"}
    (folder / "cookiecutter.json").write_text(json.dumps(manifest, indent=2) + "\n")
    for name, text in FURNITURE.items():
        file = folder / SERVICE.name / name
        assert file.parent.is_dir(), f"{file.parent} is nowhere in the template any more"
        file.write_text(text)
    root = folder / SERVICE.name / BOOTSTRAP
    root.write_text(
        root.read_text("utf-8") + block("\n# The trial.\nfrom .adapters import trial\n")
    )
    return folder


def block(text: str) -> str:
    """Return a block of a shared file that is rendered with the room only."""
    return f'<% if cookiecutter.trial == "trial" %>\n{text}<% endif %>\n'


def generate(template: Path, folder: Path, **answers: str) -> Path:
    """Render a service without peers, with Consul and SQLite, from a template."""
    given = {"workspace": "", "discovery": "consul", "database": "sqlite", **answers}
    project = cookiecutter(
        str(template),
        no_input=True,
        default_config=True,
        extra_context=given,
        output_dir=str(folder),
    )
    return Path(project)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files(folder)}


def test_few_shared_files_are_touched_and_few_blocks_added(template: Path) -> None:
    root = f"{SERVICE.name}/{BOOTSTRAP}"
    before, after = contents_of_parts(TEMPLATE), contents_of_parts(template)
    touched = {name for name in before if before[name] != after.get(name)}
    blocks = [len(re.findall(rb"<% (?:if|elif|for) ", texts[root])) for texts in (before, after)]

    assert touched == {"cookiecutter.json", root}
    assert blocks[1] == blocks[0] + 1


def contents_of_parts(template: Path) -> dict[str, bytes]:
    """Return the files from which a template renders, by their paths."""
    return {
        name: content
        for name, content in contents(template).items()
        if name.split("/")[0] in PARTS and not name.endswith(".pyc")
    }


def test_chosen_it_is_in_every_file_that_mentions_it(template: Path, tmp_path: Path) -> None:
    service = generate(template, tmp_path, trial="trial")

    assert (service / "src/orders/adapters/trial.py").is_file()
    assert (service / "src/orders/bootstrap.py").read_text().endswith("import trial\n")
    project = tomllib.loads((service / "pyproject.toml").read_text("utf-8"))["project"]
    assert "trial>=1" in project["dependencies"]
    compose = yaml.safe_load((service / "compose.yaml").read_text("utf-8"))["services"]
    assert compose["trial"] == {"image": "trial:1"}
    assert compose["orders"]["environment"]["TRIAL_URL"] == "trial:1"
    chart = charts.chart(service)
    assert charts.values(chart)["networkPolicy"]["trial"]["port"] == 1
    schema = json.loads((chart / "values.schema.json").read_text("utf-8"))
    assert "trial" in schema["properties"]["networkPolicy"]["properties"]
    for name in (".env.example", "README.md", "docs/runbook.md"):
        assert "trial" in (service / name).read_text("utf-8").lower(), name


def test_not_chosen_it_leaves_no_trace(template: Path, tmp_path: Path) -> None:
    with_room = generate(template, tmp_path / "with")
    without = generate(TEMPLATE, tmp_path / "without")

    assert contents(with_room) == contents(without)
