"""Consumer contracts (Pact) in a workspace, and those that no registered dependency explains."""

import json
from collections.abc import Iterator
from pathlib import Path

from .registry import Member

FOLDER = "contracts"
MOST_BYTES = 4 * 1024 * 1024


def unexplained(workspace: Path, members: dict[str, Member]) -> Iterator[str]:
    """Yield a line for each contract whose consumer does not depend on its provider."""
    for file in sorted((workspace / FOLDER).glob("*.json")):
        try:
            consumer, provider = _parties(file)
        except (OSError, ValueError, LookupError, TypeError) as error:
            yield f"{file}: not a contract ({error!r}); run make contract in its consumer, or delete it"
            continue
        member = members.get(consumer)
        if member is None or provider not in member.depends_on:
            problem = f"{consumer} is not registered as a service that calls {provider}"
            yield f"{file}: {problem}; delete the contract, or add the dependency"


def _parties(file: Path) -> tuple[str, str]:
    """Return the names of consumer and provider."""
    if file.is_symlink() or file.stat().st_size > MOST_BYTES:
        raise ValueError("not a plain file of at most 4 MiB")
    contract = json.loads(file.read_text("utf-8"))
    return str(contract["consumer"]["name"]), str(contract["provider"]["name"])
