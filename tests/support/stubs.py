"""Services that consist of the files that registration reads."""

from pathlib import Path

from fleet import workspace

CATALOG = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: {name}
  description: "The {name} service: what it's for"
  annotations:
    cookiecutter-flask-microservice/version: "{version}"
spec:
  type: service
  owner: platform-team
  dependsOn:
    - resource:default/{name}-db
    - component:default/inventory
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata:
  name: {name}
spec:
  type: openapi
  definition:
    $text: ./openapi.json
"""

COMPOSE = """\
services:
  {name}:
    image: {name}:dev
    expose: ["8000"]
  {name}-migrate:
    image: {name}:dev
  {name}-db:
    image: postgres:17
volumes:
  {name}-db: {{}}
"""

# The parts of every workspace, and their ports.
PARTS = {"gateway": 8080, "identity": 9000}


def stub(folder: Path, name: str, version: str = "1.2.0", needs: tuple[str, ...] = ()) -> Path:
    """Return a service created in `folder/name`, with these additional containers."""
    root = folder / name
    root.mkdir(parents=True, exist_ok=True)
    (root / "catalog-info.yaml").write_text(CATALOG.format(name=name, version=version))
    extra = "".join(f"  {need}:\n    image: {need}\n" for need in needs)
    text = COMPOSE.format(name=name).replace("volumes:", extra + "volumes:")
    (root / "compose.yaml").write_text(text)
    return root


def register(folder: Path, root: Path) -> dict[str, int]:
    """Register a service in the workspace in a folder, and return its ports."""
    return workspace.register(folder, root).ports


def unregister(folder: Path, root: Path) -> None:
    """Remove a service from the workspace in a folder."""
    workspace.unregister(folder, root)


def contents(workspace: Path) -> dict[str, bytes]:
    """Return every file of the workspace itself and of its platform/."""
    paths = [*sorted(workspace.iterdir()), *sorted((workspace / "platform").rglob("*"))]
    return {
        path.relative_to(workspace).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file()
    }
