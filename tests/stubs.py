"""Services with just the files that registration reads, and the script that registers them."""

import sys
import tempfile
from pathlib import Path
from types import ModuleType

from tests.rendering import SERVICE, load

# What the script imports, in this order.
MODULES = ("yaml_edit", "pipeline_github", "pipelines")

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
    for script in (*MODULES, "workspace"):
        text = (SERVICE / "scripts" / f"{script}.py").read_text("utf-8")
        text = text.replace("<< cookiecutter.ci >>", "github")
        (root / "scripts" / f"{script}.py").write_text(text)
    (root / "catalog-info.yaml").write_text(CATALOG.format(name=name, version=version))
    (root / "compose.yaml").write_text(COMPOSE.format(name=name))
    return root


def workspace_script() -> ModuleType:
    """Load the registration script of the template."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = stub(Path(folder), "orders") / "scripts"
        for name in MODULES:
            sys.modules[name] = load(scripts / f"{name}.py")
    return load(SERVICE / "scripts" / "workspace.py")


def contents(workspace: Path) -> dict[str, bytes]:
    """Every file that lies in the workspace itself."""
    return {path.name: path.read_bytes() for path in sorted(workspace.iterdir()) if path.is_file()}
