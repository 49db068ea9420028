"""catalog-info.yaml of a workspace: a Backstage Location that targets the services' own files."""

import posixpath
from collections.abc import Iterable
from pathlib import Path

from .yaml_edit import Document

SKELETON = b"""\
# Leads Backstage to the services of this workspace; `make register` in a service adds its target.
apiVersion: backstage.io/v1alpha1
kind: Location
metadata:
  name: services
  description: The services of this workspace
spec:
  targets:
"""


class Catalog:
    """The catalog of a workspace, and the changes to make in it."""

    def __init__(self, path: Path, content: bytes | None) -> None:
        self.document = Document(path, SKELETON if content is None else content)

    def add(self, paths: Iterable[str]) -> None:
        """Target the services in these folders."""
        for path in sorted(paths):
            if self.document.data.get("kind") != "Location":
                problem = "not a Backstage Location (kind); make it one, or move it elsewhere"
                raise self.document.error(None, problem)
            self.document.append("spec", "targets", item=target(path))

    def discard(self, path: str) -> None:
        """Remove the target of a service."""
        self.document.discard("spec", "targets", item=target(path))

    def result(self) -> bytes | None:
        """Return the new content, None if the file is not needed any more."""
        content = self.document.result()
        return None if content == SKELETON else content


def target(path: str) -> str:
    """Return a service's catalog file, as Backstage names it."""
    return f"./{posixpath.join(path, 'catalog-info.yaml')}"
