"""GitHub: workflows at the top of a repository that run in a service's folder."""

import re
from pathlib import Path

from .provider import Provider

FOLDER = ".github/workflows"


def files(root: Path, name: str, path: str) -> dict[str, str]:
    """Return a service's workflows by their place, with the service's name as a prefix."""
    workflows = sorted((root / FOLDER).glob("*.yml"))
    return {
        f"{FOLDER}/{name}-{workflow.name}": moved(workflow, name, path, workflows)
        for workflow in workflows
    }


def moved(workflow: Path, name: str, path: str, workflows: list[Path]) -> str:
    """Return a workflow that runs in the service's folder, and for changes in it only."""
    text = workflow.read_text("utf-8")
    text = re.sub(r"^name: ", f"name: {name} ", text, count=1, flags=re.MULTILINE)
    where = f"defaults:\n  run:\n    working-directory: {path}\n\njobs:"
    text = re.sub(r"^jobs:$", where, text, count=1, flags=re.MULTILINE)
    own = f'"{path}/**", "{FOLDER}/{name}-*.yml"'
    # Contracts of other services are verified here before they are merged.
    paths = {"push": own, "pull_request": f'{own}, "**/contracts/*.{name}.json"'}
    events = r"^  (push|pull_request):\n(    branches: .+\n)?"

    def narrowed(event: re.Match[str]) -> str:
        return f"{event[0]}    paths: [{paths[event[1]]}]\n"

    text = re.sub(events, narrowed, text, flags=re.MULTILINE)
    for other in workflows:
        text = text.replace(f"{FOLDER}/{other.name}", f"{FOLDER}/{name}-{other.name}")
    return text


# GitHub reads every workflow in its folder, so no other file has to include them.
PROVIDER = Provider(place=FOLDER + "/{name}-*.yml", leads=FOLDER, shared={}, files=files)
