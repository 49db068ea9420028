"""Services with just the files that registration reads, and the script that registers them."""

import shutil
import sys
from pathlib import Path
from types import ModuleType

from tests.rendering import SERVICE, load

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


def stub(folder: Path, name: str, version: str = "1.2.0") -> Path:
    """Make a service in `folder/name`; the scripts in it are the template's own."""
    root = folder / name
    (root / "scripts").mkdir(parents=True)
    for script in ("workspace.py", "yaml_edit.py"):
        shutil.copy(SERVICE / "scripts" / script, root / "scripts")
    (root / "catalog-info.yaml").write_text(CATALOG.format(name=name, version=version))
    (root / "compose.yaml").write_text(COMPOSE.format(name=name))
    return root


def workspace_script() -> ModuleType:
    """Load the registration script of the template."""
    sys.modules["yaml_edit"] = load(SERVICE / "scripts" / "yaml_edit.py")
    return load(SERVICE / "scripts" / "workspace.py")


def contents(workspace: Path) -> dict[str, bytes]:
    """Every file that lies in the workspace itself."""
    return {path.name: path.read_bytes() for path in sorted(workspace.iterdir()) if path.is_file()}
