"""Remove the rooms that were not chosen, join pieces of files, and register the service.

Runs as a rendered copy on cookiecutter's interpreter, in the new project's folder. Registration is
atomic and comes last: if anything fails, cookiecutter removes the project, and the workspace is
unchanged.
"""

import hashlib
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Folders of other tools, which exist when a project is rendered over an older one.
FOREIGN = {".dev", ".git", ".uv", ".venv", "node_modules"}

# A piece of `values.yaml` is `values.yaml.d/40-consul.yaml`: its number, what it is about, the suffix.
PIECE = re.compile(r"\d\d-.+")


def prune(project: Path, answers: dict[str, Any]) -> None:
    """Remove every path that is named after a room not chosen, and folders that become empty."""
    names = [answers[name] for name in ("__package", "__plural", "resource", "service_name")]
    rooms = unchosen(answers)
    for path in list(paths(project)):
        if not any(is_named_after(room, path.name, names) for room in rooms) or not path.exists():
            continue
        for file in [*reversed(list(paths(path))), path] if path.is_dir() else [path]:
            file.rmdir() if file.is_dir() else file.unlink()
        for folder in path.parents:
            if folder == project or any(folder.iterdir()):
                break
            folder.rmdir()


def split_by_peer(project: Path) -> None:
    """Split every `each_peer` file: a line `=== name` begins the file `name` of a peer."""
    for path in list(paths(project)):
        if path.stem != "each_peer":
            continue
        _, *pieces = re.split(r"^=== (.+)\n", path.read_text("utf-8"), flags=re.MULTILINE)
        for name, text in zip(pieces[::2], pieces[1::2], strict=True):
            path.with_name(name).write_text(text, "utf-8", newline="\n")
        path.unlink()


def lock(project: Path, answers: dict[str, Any]) -> None:
    """Write `chassis.lock`: version and parts of the vendored chassis, SHA-256 of every file.

    The format is that of `sha256sum`, which ignores lines that begin with #.
    """
    folder = Path("src", answers["__package"], "chassis")
    files = [path for path in paths(project / folder) if path.suffix == ".py"]
    names = [path.relative_to(project / folder).as_posix() for path in files]
    parts = [
        room for room in answers["_rooms"] if any(is_named_after(room, name, []) for name in names)
    ]
    lines = [
        f"# {folder.as_posix()} as the template made it; `make lint` compares.",
        f"# version: {answers['_template_version']}",
        f"# parts: {' '.join(sorted(parts))}".rstrip(),
        *(f"{digest(path)}  {path.relative_to(project).as_posix()}" for path in files),
    ]
    (project / "chassis.lock").write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def join(project: Path) -> None:
    """Join the pieces in every folder `NAME.d`, in the order of their names, into the file NAME.

    A folder with anything but pieces with the suffix of NAME belongs to the service and stays.
    """
    for folder in list(paths(project)):
        if folder.suffix != ".d" or not folder.is_dir() or folder.is_symlink():
            continue
        whole, pieces = folder.with_suffix(""), sorted(folder.iterdir())
        if pieces and all(is_piece(path, whole) for path in pieces):
            text = "".join(piece.read_text("utf-8") for piece in pieces)
            whole.write_text(text, "utf-8", newline="\n")
            shutil.copymode(pieces[0], whole)
            shutil.rmtree(folder)


def is_piece(path: Path, whole: Path) -> bool:
    """Return whether a file is a piece of another file, judged by its name."""
    return path.is_file() and path.suffix == whole.suffix and bool(PIECE.match(path.name))


def unchosen(answers: dict[str, Any]) -> list[str]:
    """Return the rooms that were not chosen."""
    return [room for room, needs in answers["_rooms"].items() if not chosen(needs, answers)]


def chosen(needs: Any, answers: dict[str, Any]) -> bool:
    """Return whether the answers meet the needs of a room: all of a mapping, or any of a list."""
    if isinstance(needs, list):
        return any(chosen(each, answers) for each in needs)
    return all(accepts(need, answers[name]) for name, need in needs.items())


def accepts(need: str | list[str], answer: str) -> bool:
    """Return whether an answer is the accepted one or one of a list; `*` accepts any but empty."""
    if need == "*":
        return answer != ""
    return answer in ([need] if isinstance(need, str) else need)


def paths(folder: Path) -> Iterator[Path]:
    """Yield all paths below a folder from the top down, except in folders of other tools."""
    for path in sorted(folder.iterdir()):
        if path.name not in FOREIGN:
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from paths(path)


def is_named_after(room: str, name: str, names: list[str]) -> bool:
    """Return whether a room's name is a word of a file's name.

    The names of the service and its resource are ignored: `kafka-gateway` keeps `src/kafka_gateway`.
    """
    words = normalized(name)
    for own in sorted(map(normalized, names), key=len, reverse=True):
        words = words.replace(own, "__")
    return normalized(room) in words


def normalized(name: str) -> str:
    """Return a name as lower-case words with _ before, between and after them."""
    return "_" + re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") + "_"


def for_comparison(project: Path, answers: dict[str, Any]) -> bool:
    """Return whether cruft renders for a comparison only, in one of Python's temporary folders.

    Such a rendering must not be registered: cruft deletes it, and `../..` leads out of its folder.
    """
    folder = project.parent
    temporary = re.fullmatch(r"tmp\w{8}", folder.name) and folder.parent.samefile(
        tempfile.gettempdir()
    )
    return "_output_dir" not in answers and bool(temporary)


def register(project: Path, workspace: str, template: str) -> dict[str, int]:
    """Register the project with the fleet tool in the template's folder; return its ports."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, template)
    fleet = importlib.import_module("fleet.workspace")
    try:
        done = fleet.register((project / workspace).resolve(), project)
    except (fleet.FleetError, OSError) as error:
        raise SystemExit(
            f"{paint(31, 'Not registered; nothing changed:', sys.stderr)} {error}"
        ) from error
    for note in done.notes:
        print(note, file=sys.stderr)
    ports: dict[str, int] = done.ports
    return ports


def summary(project: Path, workspace: str, ports: dict[str, int]) -> str:
    """Return the closing message: where the service is, and the next commands."""
    name = project.name
    port = ports.get("http", 8000)
    where = f"registered in {(project / workspace).resolve()}" if workspace else "not registered"
    steps = (
        (f"cd {from_here(project)}", ""),
        ("make run", f"serves on http://127.0.0.1:{port}"),
        ("make token", "prints a token for requests, in a second terminal"),
    )
    width = max(len(step) for step, note in steps if note)
    lines = [f"  {paint(1, step.ljust(width))}  {note}".rstrip() for step, note in steps]
    return "\n".join(["", f"{paint(32, name)} is ready, {where}. Next:", "", *lines, ""])


def from_here(project: Path) -> str:
    """Return the path of the project, relative to the shell's folder if it is below it."""
    here = Path(os.environ.get("PWD", ""))
    if here.is_absolute() and project.is_relative_to(here.resolve()):
        return str(project.relative_to(here.resolve()))
    return str(project)


def paint(colour: int, text: str, stream: Any = None) -> str:
    """Return a text in colour for a terminal, and plain elsewhere."""
    terminal = (stream or sys.stdout).isatty() and "NO_COLOR" not in os.environ
    return f"\033[{colour}m{text}\033[0m" if terminal else text


def main(answers: dict[str, Any], template: str) -> None:
    """Complete the project that was rendered into the working folder."""
    project = Path.cwd().resolve()
    prune(project, answers)
    split_by_peer(project)
    join(project)
    lock(project, answers)
    if for_comparison(project, answers):
        return
    workspace = answers["workspace"]
    ports = register(project, workspace, template) if workspace else {}
    print(summary(project, workspace, ports))


if __name__ == "__main__":
    # Data, never source: tojson leaves no quote, < or > that could end the string or a delimiter.
    main(json.loads(r'''<< cookiecutter | tojson >>'''), json.loads(r'''<< template_folder | tojson >>'''))  # fmt: skip
