"""Variables for `make run`: a service's port, and the addresses of its peers on this machine."""

from collections.abc import Mapping
from pathlib import Path

from .files import FOLDER, Changes, read
from .registry import Member

HEADER = "# Derived from services.yaml by `make register`; `make run` in the service reads it.\n"


def plan(workspace: Path, members: Mapping[str, Member]) -> Changes:
    """Return a file for each service, and remove those of unregistered services."""
    folder = workspace / FOLDER / "env"
    ours = (file for file in sorted(folder.glob("*.env")) if _is_ours(file))
    changes: Changes = dict.fromkeys(ours)
    for name, member in sorted(members.items()):
        changes[folder / f"{name}.env"] = content(member, members)
    return changes


def content(member: Member, members: Mapping[str, Member]) -> bytes:
    """Return the variables of one service, as a dotenv file."""
    lines = [HEADER]
    if "http" in member.ports:
        lines.append(f"PORT={member.ports['http']}\n")
    for peer in member.depends_on:
        if peer in members and "http" in members[peer].ports:
            variable = peer.upper().replace("-", "_") + "_URL"
            lines.append(f"{variable}=http://127.0.0.1:{members[peer].ports['http']}\n")
    return "".join(lines).encode()


def _is_ours(file: Path) -> bool:
    return (read(file) or b"").startswith(HEADER.encode())
