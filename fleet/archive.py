"""The workspace's copy of this tool: `platform/fleet.pyz`, a zip file that Python runs.

It depends only on the version, not on the machine: sorted names, no compression, no dates.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from . import FleetError, __version__
from .files import FOLDER, read
from .infrastructure import order
from .service import VERSION

PLACE = f"{FOLDER}/fleet.pyz"
MAIN = 'from fleet.cli import main\n\nmain(prog_name="fleet")\n'

# Files of an installation, for `fleet upgrade`, that the copy does not contain.
INSTALLED_ONLY = {"__pycache__", "_chassis", "cookiecutter.json"}


def content() -> bytes:
    """Return the archive of this tool."""
    sources = dict(_sources(files(__package__), "fleet"))
    entries = {**sources, "VERSION": f"{__version__}\n".encode(), "__main__.py": MAIN.encode()}
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, text in sorted(entries.items()):
            information = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            information.create_system = 3  # on every system
            information.external_attr = 0o644 << 16
            archive.writestr(information, text)
    return buffer.getvalue()


def version(workspace: Path) -> str | None:
    """Return the version of a workspace's copy, None if there is none."""
    path = workspace / PLACE
    found = read(path)
    if found is None:
        return None
    try:
        with ZipFile(BytesIO(found)) as archive:
            said = archive.read("VERSION").decode().strip()
    except (BadZipFile, KeyError, ValueError) as error:
        raise FleetError(f"{path} is not a copy of the fleet tool; remove it") from error
    if not VERSION.fullmatch(said):
        raise FleetError(f"{path} has no version; remove it")
    return said


def is_newer(workspace: Path) -> bool:
    """Return whether a workspace has a newer version of this tool."""
    return order(version(workspace) or "0") > order(__version__)


def hand_over(workspace: Path, verb: str, root: Path) -> Any:
    """Run the newer copy of a workspace instead, and return its JSON output."""
    command = [sys.executable, str(workspace / PLACE), verb, str(root)]
    command += ["--workspace", str(workspace), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FleetError(done.stderr.strip().removeprefix("fleet: "))
    return json.loads(done.stdout)


def _sources(folder: Traversable, prefix: str) -> Iterable[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.name in INSTALLED_ONLY or entry.name.startswith("."):
            continue
        name = f"{prefix}/{entry.name}"
        if entry.is_dir():
            yield from _sources(entry, name)
        else:
            yield name, entry.read_bytes()
