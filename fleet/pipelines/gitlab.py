"""GitLab: a file that includes a service's pipeline, for the top of a repository."""

from pathlib import Path

from .provider import Provider

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


def files(root: Path, name: str, path: str) -> dict[str, str]:
    """Return the file that includes a service's pipeline when its folder has changed.

    It also runs for a merge request that changes another service's contract with this one.
    """
    if not (root / ".gitlab-ci.yml").is_file():
        return {}
    text = f"""\

include:
  - local: {path}/.gitlab-ci.yml
    inputs:
      path: {path}
    rules:
      - changes: ["{path}/**/*"]
      - if: $CI_PIPELINE_SOURCE == "merge_request_event"
        changes: ["**/contracts/*.{name}.json"]
"""
    return {PLACE.format(name=name): text}


PROVIDER = Provider(place=PLACE, leads=LEADS, shared=SHARED, files=files)
