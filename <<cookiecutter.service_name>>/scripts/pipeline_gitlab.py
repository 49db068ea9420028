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
    """Return the file that includes the service's pipeline when something in its folder changed.

    A merge request that lets others rely on more than before asks this service, too.
    """
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
