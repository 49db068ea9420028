"""What GitLab needs to run this service's pipeline from the top of a repository."""

from pathlib import Path

FOLDER = ".gitlab/services"
PLACE = FOLDER + "/{name}.yml"
LEADS = FOLDER + "/*.yml"

SHARED = {
    ".gitlab-ci.yml": f"""\
# The pipelines of the services in this repository, each placed by its own `make register`.

include:
  - local: {LEADS}
"""
}


def files(_root: Path, name: str, path: str) -> dict[str, str]:
    """Return the file that includes the service's pipeline when something in its folder changed."""
    text = f"""\

include:
  - local: {path}/.gitlab-ci.yml
    inputs:
      path: {path}
    rules:
      - changes: ["{path}/**/*"]
"""
    return {PLACE.format(name=name): text}
