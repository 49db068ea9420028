"""The pipelines of a rendered service, validated without running them.

They are validated against the vendors' schemas and with zizmor and actionlint, placed in a
repository of many services; the deployment script runs with stubs of Helm and kubectl.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.rendering import CHOICES, TEMPLATE, render

DIGEST = "sha256:" + "0" * 64
TOOLS = Path(sys.executable).parent
ACTION = re.compile(r"uses: (\S+)(?: # (.+))?$", re.MULTILINE)
COMBINATIONS = list(product(CHOICES["deploy"], CHOICES["database"]))
KUBERNETES = {"ci.yml", "ci-helm.yml", "contracts.yml", "publish.yml", "deploy-helm.yml"}
SWARM = {"ci.yml", "contracts.yml", "publish.yml", "deploy-swarm.yml"}


@pytest.fixture(scope="session", params=COMBINATIONS, ids=" ".join)
def answers(request: pytest.FixtureRequest) -> dict[str, str]:
    """Sets of answers that change the tasks of the pipeline."""
    return dict(zip(("deploy", "database"), request.param, strict=True))


@pytest.fixture(scope="session")
def workflows(answers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The GitHub workflows of a service."""
    service = render(tmp_path_factory.mktemp("github"), workspace="", ci="github", **answers)
    return sorted((service / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(scope="session")
def gitlab(answers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The GitLab pipeline of a service, without its header of inputs."""
    service = render(tmp_path_factory.mktemp("gitlab"), workspace="", ci="gitlab", **answers)
    text = (service / ".gitlab-ci.yml").read_text("utf-8")
    header, pipeline = yaml.safe_load_all(text)
    assert header["spec"]["inputs"]["path"]["default"] == "."
    return dict(pipeline)


def test_there_is_a_workflow_for_each_step(workflows: list[Path], answers: dict[str, str]) -> None:
    expected = {"kubernetes": KUBERNETES, "swarm": SWARM}[answers["deploy"]]

    assert {workflow.name for workflow in workflows} == expected


def test_one_database_has_one_version(
    workflows: list[Path], gitlab: dict[str, Any], answers: dict[str, str]
) -> None:
    service = workflows[0].parents[2]
    own = [*service.glob("deploy/compose/*.yaml"), *service.glob("deploy/swarm/*sql.yaml")]
    github = yaml.safe_load((workflows[0].parent / "ci.yml").read_text("utf-8"))
    images = {yaml.safe_load(it.read_text("utf-8"))["services"]["database"]["image"] for it in own}
    images |= {it["image"] for it in github["jobs"]["check"].get("services", {}).values()}
    images |= {it["name"] for it in gitlab["orders-test"].get("services", [])}

    assert len(images) == (0 if answers["database"] == "sqlite" else 1)


def test_actions_are_pinned_by_commit(workflows: list[Path]) -> None:
    for workflow in workflows:
        for action, version in ACTION.findall(workflow.read_text("utf-8")):
            if not action.startswith("./.github/workflows/"):
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
                assert re.fullmatch(r"v\d+\.\d+\.\d+", version), action


def test_one_action_has_one_version(workflows: list[Path]) -> None:
    texts = "".join(workflow.read_text("utf-8") for workflow in workflows)
    pins = {action for action, _ in ACTION.findall(texts) if "@" in action}

    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


def test_permissions_are_given_job_by_job(workflows: list[Path]) -> None:
    for workflow in workflows:
        content = yaml.safe_load(workflow.read_text("utf-8"))
        assert content["permissions"] == {}
        for name, job in content["jobs"].items():
            writes = {scope for scope, access in job["permissions"].items() if access == "write"}
            assert not writes or name == "publish", f"{workflow.name}: {name}"


def test_external_input_is_not_interpolated_into_scripts(workflows: list[Path]) -> None:
    for workflow in workflows:
        for job in yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values():
            for step in job.get("steps", []):
                assert "${{" not in step.get("run", "")


def test_secrets_are_read_by_jobs_of_an_environment_only(workflows: list[Path]) -> None:
    for workflow in workflows:
        for job in yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values():
            assert "environment" in job or "secrets." not in json.dumps(job)


def test_production_comes_after_staging(workflows: list[Path]) -> None:
    (deploy,) = (workflow for workflow in workflows if workflow.name.startswith("deploy-"))
    jobs = yaml.safe_load(deploy.read_text("utf-8"))["jobs"]

    assert "check" in jobs["publish"]["needs"]
    assert "publish" in jobs["staging"]["needs"]
    assert "staging" in jobs["production"]["needs"]
    assert [jobs[stage]["environment"] for stage in ("staging", "production")] == [
        "staging",
        "production",
    ]


def test_workflows_are_valid(workflows: list[Path]) -> None:
    check("check-jsonschema", "--builtin-schema=vendor.github-workflows", *workflows)


def test_workflows_are_safe(workflows: list[Path]) -> None:
    check("zizmor", "--quiet", "--offline", "--no-progress", *workflows)


def test_gitlab_pipeline_is_valid(gitlab: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(gitlab))

    options = ("--builtin-schema=vendor.gitlab-ci", "--data-transform=gitlab-ci")
    check("check-jsonschema", *options, file)


def test_gitlab_jobs_are_named_after_the_service(gitlab: dict[str, Any]) -> None:
    """The pipelines of many services can be merged into one."""
    keywords = {"workflow", "stages"}

    assert [name for name in gitlab if name not in keywords and "orders" not in name] == []


def test_gitlab_runs_what_github_runs(gitlab: dict[str, Any], answers: dict[str, str]) -> None:
    jobs = {name.removeprefix("orders-") for name in gitlab if name.startswith("orders-")}
    chart = {"chart"} if answers["deploy"] == "kubernetes" else set()
    before = {"lint", "test", "contract", "container"}

    assert jobs == before | chart | {"publish", "staging", "production"}
    assert gitlab["orders-production"]["rules"][0]["when"] == "manual"


@pytest.mark.parametrize("version", CHOICES["python_version"])
@pytest.mark.parametrize("database", CHOICES["database"])
def test_dockerfile_is_clean(database: str, version: str, tmp_path: Path) -> None:
    service = render(tmp_path, workspace="", database=database, python_version=version)
    dockerfile = service / "deploy" / "Dockerfile"

    pinned = rf"^ARG PYTHON_IMAGE=python:{version}-slim-bookworm@sha256:[0-9a-f]{{64}}$"
    assert re.search(pinned, dockerfile.read_text("utf-8"), re.MULTILINE)
    check("hadolint", dockerfile)


def check(tool: str, *arguments: str | Path) -> None:
    """Run one of the template's tools."""
    done = subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# In a repository of many services


@pytest.fixture(scope="module", params=["github", "gitlab"])
def untouched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two services in `services/`."""
    top = tmp_path_factory.mktemp("monorepo")
    (top / ".git").mkdir()
    for name in ("orders", "inventory"):
        render(top / "services", service_name=name, ci=request.param)
    return top


@pytest.fixture
def monorepo(untouched: Path, tmp_path: Path) -> Path:
    """A copy of the repository that a test may change."""
    return shutil.copytree(untouched, tmp_path, dirs_exist_ok=True)


def placed(top: Path) -> dict[str, str]:
    """Return the files outside of the services' folder."""
    return {
        file.relative_to(top).as_posix(): file.read_text("utf-8")
        for file in sorted(top.rglob("*"))
        if file.is_file() and not file.is_relative_to(top / "services")
    }


def workspace(service: Path, verb: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the fleet tool."""
    command = [sys.executable, "-m", "fleet", verb, str(service)]
    command += ["--workspace", str(service.parent)]
    return subprocess.run(command, cwd=TEMPLATE, capture_output=True, text=True)


def test_pipelines_are_placed_at_the_top(monorepo: Path) -> None:
    files = placed(monorepo)
    if ".gitlab-ci.yml" in files:
        assert set(files) == {
            ".gitlab-ci.yml",
            ".gitlab/services/inventory.yml",
            ".gitlab/services/orders.yml",
        }
        (included,) = yaml.safe_load(files[".gitlab/services/orders.yml"])["include"]
        assert (monorepo / included["local"]).is_file()
        assert included["inputs"] == {"path": "services/orders"}
        own, contracts = included["rules"]
        assert own == {"changes": ["services/orders/**/*"]}
        assert contracts["changes"] == ["**/contracts/*.orders.json"]
    else:
        expected = {f"{name}-{file}" for name in ("orders", "inventory") for file in KUBERNETES}
        assert {Path(file).name for file in files} == expected


def test_placed_workflows_run_in_the_service_and_for_it_only(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    render(tmp_path / "services")
    workflows = sorted((tmp_path / ".github" / "workflows").glob("*.yml"))
    paths = ["services/orders/**", ".github/workflows/orders-*.yml"]
    contracts = ["**/contracts/*.orders.json"]

    for workflow in workflows:
        text = workflow.read_text("utf-8")
        content = yaml.load(text, yaml.BaseLoader)
        assert content["defaults"] == {"run": {"working-directory": "services/orders"}}
        for event, filters in content["on"].items():
            expected = paths + contracts if event == "pull_request" else paths
            assert event == "workflow_call" or filters["paths"] == expected
        for called in re.findall(r"\.github/workflows/([\w-]+\.yml)", text):
            assert (workflow.parent / called).is_file(), called
    check("check-jsonschema", "--builtin-schema=vendor.github-workflows", *workflows)
    check("zizmor", "--quiet", "--offline", "--no-progress", *workflows)


def test_placing_again_changes_nothing(monorepo: Path) -> None:
    before = placed(monorepo)
    done = workspace(monorepo / "services" / "orders", "register")

    assert (done.returncode, done.stderr) == (0, "")
    assert placed(monorepo) == before


def test_unregister_removes_placed_files(monorepo: Path) -> None:
    for name in ("orders", "inventory"):
        assert not [file for file in placed(monorepo) if f"{name}_" in file]
        assert workspace(monorepo / "services" / name, "unregister").returncode == 0
        assert not [text for text in placed(monorepo).values() if f"services/{name}" in text]

    assert {path.name for path in monorepo.iterdir()} == {".git", "services"}


def test_a_change_in_the_service_is_placed_by_register(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    service = render(tmp_path / "services")
    (service / ".github/workflows/ci-helm.yml").unlink()
    (service / ".github/workflows/nightly.yml").write_text("name: nightly\n\njobs:\n")

    assert workspace(service, "register").returncode == 0
    names = {Path(file).name for file in placed(tmp_path)}
    assert "orders-nightly.yml" in names
    assert "orders-ci-helm.yml" not in names


def test_files_of_others_are_never_changed(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    foreign = tmp_path / ".github" / "workflows" / "orders-ci.yml"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("name: mine\n")
    service = render(tmp_path / "services", workspace="")

    done = workspace(service, "register")

    assert done.returncode == 1
    assert "orders-ci.yml is here already" in done.stderr
    assert placed(tmp_path) == {".github/workflows/orders-ci.yml": "name: mine\n"}
    assert not (tmp_path / "services" / "services.yaml").exists()
    assert workspace(service, "unregister").returncode == 0
    assert foreign.read_text() == "name: mine\n"


def test_an_existing_shared_pipeline_is_unchanged(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    shared = tmp_path / ".gitlab-ci.yml"
    shared.write_text("stages: [mine]\n")
    service = render(tmp_path / "services", ci="gitlab")

    assert "include .gitlab/services/*.yml" in workspace(service, "register").stderr
    assert workspace(service, "unregister").returncode == 0
    assert placed(tmp_path) == {".gitlab-ci.yml": "stages: [mine]\n"}


def test_a_repository_of_one_service_keeps_its_pipeline(tmp_path: Path) -> None:
    service = render(tmp_path)
    (service / ".git").mkdir()
    (tmp_path / ".git").mkdir()

    assert workspace(service, "register").returncode == 0
    assert not (tmp_path / ".github").exists()


# Deploying by Helm


@pytest.fixture(params=["rolling", "canary"])
def deploy(
    request: pytest.FixtureRequest, rendered: Callable[..., Path], tmp_path: Path
) -> "Deploy":
    """The deployment script of a service, with stubs of Helm and kubectl."""
    service = rendered(workspace="", rollout=request.param)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("helm", "kubectl"):
        program = programs / name
        program.write_text(f'#!/bin/sh\n. "$0.says"\necho "{name} $*" 1>&2\n')
        program.chmod(0o755)
    return Deploy(service, programs, request.param)


class Deploy:
    """A run of the script."""

    def __init__(self, service: Path, programs: Path, rollout: str) -> None:
        self.service, self.programs, self.rollout = service, programs, rollout

    def __call__(
        self, *arguments: str, helm: str = "", kubectl: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it, with shell code for the behaviour of Helm and kubectl."""
        (self.programs / "helm.says").write_text(helm)
        (self.programs / "kubectl.says").write_text(kubectl)
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "IMAGE": f"registry.example.org/orders@{DIGEST}",
            "VERSION": "1.2.3",
            "DEPLOY_TIMEOUT": "1",
            **variables,
        }
        return subprocess.run(
            ["sh", "deploy/helm/deploy.sh", *arguments],
            cwd=self.service,
            env=environment,
            capture_output=True,
            text=True,
        )


DONE = "case $* in *phase*) printf Healthy ;; *) printf 3 ;; esac"
BAD = 'case $* in *phase*) printf Degraded ;; *message*) printf "too slow" ;; *) printf 3 ;; esac'


def test_deploys_an_image_by_its_digest(deploy: Deploy) -> None:
    done = deploy("staging", "--set-string=config.LOG_LEVEL=DEBUG", kubectl=DONE)

    assert done.returncode == 0, done.stderr
    upgrade = next(line for line in done.stderr.splitlines() if "upgrade" in line)
    assert "--values deploy/helm/orders/values-staging.yaml" in upgrade
    assert "image.repository=registry.example.org/orders " in upgrade
    assert f"image.digest={DIGEST}" in upgrade
    assert upgrade.endswith("--set-string=config.LOG_LEVEL=DEBUG")
    assert "helm test orders" in done.stderr.splitlines()[-1]


def test_a_version_that_does_not_start_fails(deploy: Deploy) -> None:
    helm = "case $1 in upgrade) exit 1 ;; esac" if deploy.rollout == "rolling" else ""
    done = deploy("production", helm=helm, kubectl=BAD)

    assert done.returncode == 1
    assert "helm test" not in done.stderr
    assert ("Rolled back to the old version: too slow" in done.stderr) == (
        deploy.rollout == "canary"
    )


@pytest.mark.parametrize("deploy", ["canary"], indirect=True)
def test_a_version_that_is_not_seen_yet_is_waited_for(deploy: Deploy) -> None:
    old = DONE.replace("*phase*", "*observed*) printf 2 ;; *phase*")
    done = deploy("staging", kubectl=old)

    assert done.returncode == 1
    assert "Timed out: Healthy" in done.stderr


def test_a_version_that_fails_the_smoke_test_is_rolled_back(deploy: Deploy) -> None:
    failing = "case $1 in test) exit 1 ;; esac"
    done = deploy("staging", helm=failing, kubectl=DONE)

    assert done.returncode == 1
    assert "helm rollback --server-side=false orders" in done.stderr


def test_changes_by_controllers_are_no_conflict(deploy: Deploy) -> None:
    """Argo Rollouts changes Services and kubectl scales, on which Helm 4 would report conflicts."""
    done = deploy("staging", kubectl=DONE)

    assert done.returncode == 0, done.stderr
    assert "helm upgrade --install --server-side=false orders" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        ((), {}, "Usage: "),
        (("nowhere",), {}, "Usage: "),
        (("staging",), {"IMAGE": "orders:latest"}, "with a digest"),
        (("staging",), {"VERSION": ""}, "set it to the version"),
    ],
)
def test_missing_variables_are_named(
    deploy: Deploy, arguments: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    done = deploy(*arguments, **variables)

    assert done.returncode != 0
    assert said in done.stderr
    assert "helm" not in done.stderr.replace("deploy/helm", "")
