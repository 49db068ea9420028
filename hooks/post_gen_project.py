"""Remove the rooms that were not chosen, join pieces of files, and register the service.

Runs as a rendered copy on cookiecutter's own interpreter, in the new project's folder. Registration
comes last and is atomic: when anything fails, cookiecutter takes the project away and the workspace
is as it was.
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

# Other people's folders, which may be there when a project is rendered over an older one.
FOREIGN = {".dev", ".git", ".uv", ".venv", "node_modules"}

# A piece of `values.yaml` is `values.yaml.d/40-consul.yaml`: its number, what it is about, the suffix.
PIECE = re.compile(r"\d\d-.+")


def prune(project: Path, answers: dict[str, Any]) -> None:
    """Remove every path that bears the name of a room not chosen, then folders left empty."""
    names = [answers[name] for name in ("__package", "__plural", "resource", "service_name")]
    rooms = unchosen(answers)
    for path in list(paths(project)):
        if not any(bears(path.name, room, names) for room in rooms) or not path.exists():
            continue
        for file in [*reversed(list(paths(path))), path] if path.is_dir() else [path]:
            file.rmdir() if file.is_dir() else file.unlink()
        for folder in path.parents:
            if folder == project or any(folder.iterdir()):
                break
            folder.rmdir()


def part(project: Path) -> None:
    """Part every file that has a piece for each peer: a line `=== name` begins the file `name`."""
    for path in list(paths(project)):
        if path.stem != "each_peer":
            continue
        _, *pieces = re.split(r"^=== (.+)\n", path.read_text("utf-8"), flags=re.MULTILINE)
        for name, text in zip(pieces[::2], pieces[1::2], strict=True):
            path.with_name(name).write_text(text, "utf-8", newline="\n")
        path.unlink()


def lock(project: Path, answers: dict[str, Any]) -> None:
    """Write `chassis.lock`: version and parts of the vendored chassis, SHA-256 of every file.

    The form is that of `sha256sum`, which ignores lines that begin with #.
    """
    folder = Path("src", answers["__package"], "chassis")
    files = [path for path in paths(project / folder) if path.suffix == ".py"]
    names = [path.relative_to(project / folder).as_posix() for path in files]
    parts = [room for room in answers["_rooms"] if any(bears(name, room, []) for name in names)]
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

    A folder that holds anything but pieces with the suffix of NAME belongs to the service: it stays.
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
    """Return whether a file is a piece of another one, by its name."""
    return path.is_file() and path.suffix == whole.suffix and bool(PIECE.match(path.name))


def unchosen(answers: dict[str, Any]) -> list[str]:
    """Return the rooms that the answers leave out."""
    return [room for room, needs in answers["_rooms"].items() if not chosen(needs, answers)]


def chosen(needs: Any, answers: dict[str, Any]) -> bool:
    """Return whether the answers meet what a room needs: all of a mapping, or any one of a list."""
    if isinstance(needs, list):
        return any(chosen(each, answers) for each in needs)
    return all(accepts(wanted, answers[name]) for name, wanted in needs.items())


def accepts(wanted: str | list[str], answer: str) -> bool:
    """Return whether an answer is the wanted one, one of several, or with `*` not empty."""
    if wanted == "*":
        return answer != ""
    return answer in ([wanted] if isinstance(wanted, str) else wanted)


def paths(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that the template may have put there, from the top down."""
    for path in sorted(folder.iterdir()):
        if path.name not in FOREIGN:
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from paths(path)


def bears(name: str, room: str, names: list[str]) -> bool:
    """Tell whether a room's name is a word of a file's name.

    What the user named does not count: `kafka-gateway` keeps `src/kafka_gateway`.
    """
    words = spelled(name)
    for own in sorted(map(spelled, names), key=len, reverse=True):
        words = words.replace(own, "__")
    return spelled(room) in words


def spelled(name: str) -> str:
    """Spell a name in lower case words with _ before, between and after them."""
    return "_" + re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") + "_"


def for_comparison(project: Path, answers: dict[str, Any]) -> bool:
    """Tell whether cruft renders just to compare, in one of Python's temporary folders.

    Nothing must be registered from there: it goes, and `../..` leads out of it.
    """
    folder = project.parent
    temporary = re.fullmatch(r"tmp\w{8}", folder.name) and folder.parent.samefile(
        tempfile.gettempdir()
    )
    return "_output_dir" not in answers and bool(temporary)


def register(project: Path, workspace: str, template: str) -> dict[str, int]:
    """Register the project by the fleet tool in the template's folder; return its ports."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, template)
    fleet = importlib.import_module("fleet.workspace")
    try:
        done = fleet.register((project / workspace).resolve(), project)
    except (fleet.FleetError, OSError) as error:
        raise SystemExit(
            f"{paint(31, 'Not registered, nothing changed:', sys.stderr)} {error}"
        ) from error
    for note in done.notes:
        print(note, file=sys.stderr)
    ports: dict[str, int] = done.ports
    return ports


def summary(project: Path, workspace: str, ports: dict[str, int]) -> str:
    """Say where the service is and what to type next."""
    name = project.name
    port = ports.get("http", 8000)
    where = (
        f"registered in {(project / workspace).resolve()}" if workspace else "registered nowhere"
    )
    steps = (
        (f"cd {from_here(project)}", ""),
        ("make run", f"serves on http://127.0.0.1:{port}"),
        ("make token", "a token to call it with, in a second terminal"),
    )
    width = max(len(step) for step, note in steps if note)
    lines = [f"  {paint(1, step.ljust(width))}  {note}".rstrip() for step, note in steps]
    return "\n".join(["", f"{paint(32, name)} is ready, {where}. Next:", "", *lines, ""])


def from_here(project: Path) -> str:
    """Return the shorter way to the project: from the shell's folder if it is just below it."""
    here = Path(os.environ.get("PWD", ""))
    if here.is_absolute() and project.is_relative_to(here.resolve()):
        return str(project.relative_to(here.resolve()))
    return str(project)


def paint(colour: int, text: str, stream: Any = None) -> str:
    """Colour a text for a terminal; leave it plain elsewhere."""
    terminal = (stream or sys.stdout).isatty() and "NO_COLOR" not in os.environ
    return f"\033[{colour}m{text}\033[0m" if terminal else text


def main(answers: dict[str, Any], template: str) -> None:
    """Finish the project that was rendered into the working folder from the template's folder."""
    project = Path.cwd().resolve()
    prune(project, answers)
    part(project)
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
