"""What GitHub needs to run this service's workflows from the top of a repository."""

import re
from pathlib import Path

FOLDER = ".github/workflows"
PLACE = FOLDER + "/{name}-*.yml"
LEADS = FOLDER

# GitHub reads every workflow in its folder, so none leads to the others.
SHARED: dict[str, str] = {}


def files(root: Path, name: str, path: str) -> dict[str, str]:
    """Return the workflows by their place: named after the service, run in its folder, and for it."""
    workflows = sorted((root / FOLDER).glob("*.yml"))
    return {
        f"{FOLDER}/{name}-{workflow.name}": moved(workflow, name, path, workflows)
        for workflow in workflows
    }


def moved(workflow: Path, name: str, path: str, workflows: list[Path]) -> str:
    """Return a workflow as it has to be at the top."""
    text = workflow.read_text("utf-8")
    text = re.sub(r"^name: ", f"name: {name} ", text, count=1, flags=re.MULTILINE)
    where = f"defaults:\n  run:\n    working-directory: {path}\n\njobs:"
    text = re.sub(r"^jobs:$", where, text, count=1, flags=re.MULTILINE)
    own = f'"{path}/**", "{FOLDER}/{name}-*.yml"'
    # Before others rely on more than this service has, it is asked.
    paths = {"push": own, "pull_request": f'{own}, "**/contracts/*.{name}.json"'}
    events = r"^  (push|pull_request):\n(    branches: .+\n)?"

    def narrowed(event: re.Match[str]) -> str:
        return f"{event[0]}    paths: [{paths[event[1]]}]\n"

    text = re.sub(events, narrowed, text, flags=re.MULTILINE)
    for other in workflows:
        text = text.replace(f"{FOLDER}/{other.name}", f"{FOLDER}/{name}-{other.name}")
    return text
