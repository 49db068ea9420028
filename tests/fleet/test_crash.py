"""Registration in parallel, and killed at any moment."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config
from cookiecutter.utils import create_env_with_context

from tests.support.killing import forked, put_back
from tests.support.rendering import TEMPLATE
from tests.support.stubs import PARTS, contents, register, stub, unregister

VERBS = {"register": register, "unregister": unregister}

KILLS = 50
SHARED = ("services.yaml", "platform/compose.yaml", "catalog-info.yaml")


def start(root: Path) -> subprocess.Popen[bytes]:
    """Start registration on the command line."""
    command = [sys.executable, "-m", "fleet", "register", str(root)]
    command += ["--workspace", str(root.parent)]
    return subprocess.Popen(command, cwd=TEMPLATE, stdout=subprocess.DEVNULL)


def settled(workspace: Path) -> dict[str, bytes]:
    """Return the workspace's files, parsed; there must be no partial files."""
    files = contents(workspace)
    for name in SHARED:
        assert name not in files or yaml.safe_load(files[name])
    return files


def test_twenty_at_once_lose_none_and_share_no_port(tmp_path: Path) -> None:
    running = [start(stub(tmp_path, f"s{number}")) for number in range(20)]
    assert [process.wait(300) for process in running] == [0] * 20
    registry = yaml.safe_load((tmp_path / "services.yaml").read_text())["services"]
    assert sorted(entry["ports"]["http"] for entry in registry.values()) == list(range(8001, 8021))
    compose = yaml.safe_load((tmp_path / "platform/compose.yaml").read_text())
    assert len(compose["services"]) == 60 + len(PARTS)
    assert len(compose["volumes"]) == 20
    targets = yaml.safe_load((tmp_path / "catalog-info.yaml").read_text())["spec"]["targets"]
    assert set(targets) == {f"./s{number}/catalog-info.yaml" for number in range(20)}
    assert not [name for name in contents(tmp_path) if name.endswith(".new")]
    assert len(list((tmp_path / "platform/env").iterdir())) == 20
    routes = (tmp_path / "platform/gateway/routes.conf").read_text().splitlines()[1:]
    assert routes == sorted(f"/s{number} http://s{number}:8000;" for number in range(20))


def test_real_renderings_at_once_lose_none(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config"]
    command += ["-o", str(tmp_path), str(TEMPLATE)]
    running = [
        subprocess.Popen([*command, f"service_name=s{number}"], stdout=subprocess.DEVNULL)
        for number in range(4)
    ]
    assert [process.wait(300) for process in running] == [0] * 4
    registry = yaml.safe_load((tmp_path / "services.yaml").read_text())["services"]
    assert sorted(entry["ports"]["http"] for entry in registry.values()) == list(range(8001, 8005))


def test_the_hook_killed_at_any_moment_leaves_each_file_old_or_new(tmp_path: Path) -> None:
    """The hook runs as from cookiecutter; a third of the kills occur during registration."""
    workspace = tmp_path / "workspace"
    root = stub(workspace, "orders")
    register(workspace, stub(workspace, "stock"))
    old = contents(workspace)
    register(workspace, root)
    new = contents(workspace)
    hook = tmp_path / "hook.py"
    hook.write_text(rendered_hook(service_name="orders"))
    moments = random.Random(7)  # noqa: S311 - to be repeated, not to be secret
    begins, ends = 0.0, 0.0
    for kill in range(-3, KILLS):  # the first three are not killed, to measure the duration
        put_back(workspace, old)
        process = subprocess.Popen(
            [sys.executable, hook], cwd=root, env=os.environ, stdout=subprocess.DEVNULL
        )
        if kill < 0:
            started = time.monotonic()
            process.wait()
            ends = time.monotonic() - started
            begins = ends / 3
        else:
            time.sleep(moments.uniform(0 if kill % 3 else begins, ends))
            process.kill()
            process.wait()
        files = settled(workspace)
        assert all(files[name] in {old[name], new[name]} for name in SHARED)
        register(workspace, root)
        assert contents(workspace) == new


def rendered_hook(**given: str) -> str:
    """Return the post-generation hook as rendered by cookiecutter."""
    context = generate_context(str(TEMPLATE / "cookiecutter.json"), extra_context=given)
    context["cookiecutter"] = prompt_for_config(context, no_input=True)
    context["cookiecutter"]["_extensions"] = ["template_0_1_0.Template"]
    hook = (TEMPLATE / "hooks" / "post_gen_project.py").read_text()
    rendered: str = create_env_with_context(context).from_string(hook).render(**context)
    return rendered


@pytest.mark.parametrize("verb", ["register", "unregister"])
def test_the_script_killed_at_any_moment_leaves_each_file_old_or_new(
    tmp_path: Path, verb: str
) -> None:
    """A waiting process is released, and killed after a random time."""
    workspace = tmp_path / "workspace"
    root = stub(workspace, "orders")
    register(workspace, stub(workspace, "stock"))
    without = contents(workspace)
    register(workspace, root)
    registered = contents(workspace)
    old, new = (without, registered) if verb == "register" else (registered, without)
    go = "import sys, pathlib, fleet.workspace as w; print('ready', flush=True); input(); "
    go += f"root = pathlib.Path(sys.argv[1]); w.{verb}(root.parent, root)"
    moments, whole = random.Random(7), 0.0  # noqa: S311 - to be repeated, not to be secret
    for kill in range(-3, KILLS // 2):
        put_back(workspace, old)
        process = subprocess.Popen(
            [sys.executable, "-c", go, root],
            cwd=TEMPLATE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        started = time.monotonic()
        process.stdin.write(b"\n")
        process.stdin.flush()
        if kill >= 0:
            time.sleep(moments.uniform(0, whole))
            process.kill()
        process.communicate()
        whole = whole if kill >= 0 else time.monotonic() - started
        files = settled(workspace)
        assert all(files[name] in {old[name], new[name]} for name in SHARED)
        VERBS[verb](workspace, root)
        assert contents(workspace) == new


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("verb", ["register", "unregister"])
def test_killed_between_any_two_steps_each_file_is_old_or_new(tmp_path: Path, verb: str) -> None:
    """Kill it before the first, second, ... call on a file, until one run completes."""
    workspace = tmp_path / "workspace"
    root = stub(workspace, "orders")
    other = stub(workspace, "stock")
    register(workspace, other)
    without = contents(workspace)
    register(workspace, root)
    registered = contents(workspace)
    old, new = (without, registered) if verb == "register" else (registered, without)
    seen, steps = set(), 0
    while True:
        put_back(workspace, old)
        if forked(lambda: VERBS[verb](workspace, root), steps):
            break
        steps += 1
        files = settled(workspace)
        assert all(files[name] in {old[name], new[name]} for name in SHARED)
        seen.add(tuple(files[name] == new[name] for name in SHARED))
        VERBS[verb](workspace, root)
        assert contents(workspace) == new
    assert steps > 12
    assert len(seen) == 4  # none, one, two or three files replaced


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("verb", ["register", "unregister"])
def test_killed_between_any_two_steps_compose_names_no_missing_part(
    tmp_path: Path, verb: str
) -> None:
    """The first service installs the shared parts, the last one removes them."""
    workspace = tmp_path / "workspace"
    root = stub(workspace, "orders")
    register(workspace, root)
    registered = contents(workspace)
    old, new = ({}, registered) if verb == "register" else (registered, {})
    steps = 0
    while True:
        put_back(workspace, old)
        if forked(lambda: VERBS[verb](workspace, root), steps):
            break
        steps += 1
        files = settled(workspace)
        if "compose.yaml" in files:
            assert "platform/compose.yaml" in files
        compose = yaml.safe_load(files.get("platform/compose.yaml", b"services: {}"))["services"]
        assert all(
            f"platform/{part}.yaml" in files for part in PARTS if f"workspace-{part}" in compose
        )
        assert all(registered[name] == files[name] for name in files if ".new" not in name)
        VERBS[verb](workspace, root)
        assert contents(workspace) == new
    assert steps > 12


def test_a_failed_write_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, stub(tmp_path, "stock"))
    before = contents(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        register(tmp_path, root)
    assert contents(tmp_path) == before


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    root = stub(tmp_path, "orders")
    register(tmp_path, root)
    before = contents(tmp_path)
    (tmp_path / ".compose.yaml.new").write_text("services: [")
    register(tmp_path, root)
    assert contents(tmp_path) == before


def test_permissions_of_the_shared_files_stay(tmp_path: Path) -> None:
    register(tmp_path, stub(tmp_path, "orders"))
    (tmp_path / "compose.yaml").chmod(0o640)
    register(tmp_path, stub(tmp_path, "stock"))
    assert (tmp_path / "compose.yaml").stat().st_mode & 0o777 == 0o640
    shutil.rmtree(tmp_path)
