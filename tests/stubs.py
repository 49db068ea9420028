"""Services with just the files that registration reads, and the script that registers them."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

from tests.rendering import SERVICE, load

# What the script imports, in this order.
MODULES = (
    "yaml_edit",
    "compose_files",
    "infrastructure",
    "shared_files",
    "pipeline_github",
    "pipelines",
)

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

# A part of the infrastructure, with a folder of its own.
PART = """\
services:
  {name}:
    image: {name}:{version}
    expose: ["{port}"]
    healthcheck: {{test: [CMD, "true"]}}
"""
PARTS = {"gateway": 8080, "identity": 9000}


def stub(
    folder: Path,
    name: str,
    version: str = "1.2.0",
    parts: Mapping[str, int] = MappingProxyType(PARTS),
) -> Path:
    """Make a service in `folder/name`; the scripts in it are the template's own.

    It needs these parts of the infrastructure, each listening on a port.
    """
    root = folder / name
    (root / "scripts").mkdir(parents=True)
    for script in (*MODULES, "workspace"):
        text = (SERVICE / "scripts" / f"{script}.py").read_text("utf-8")
        text = text.replace("<< cookiecutter.ci >>", "github")
        (root / "scripts" / f"{script}.py").write_text(text)
    (root / "catalog-info.yaml").write_text(CATALOG.format(name=name, version=version))
    (root / "compose.yaml").write_text(COMPOSE.format(name=name))
    for part, port in parts.items():
        files = root / "deploy" / "workspace" / part
        files.mkdir(parents=True)
        (files / "settings").write_text(f"settings of {part} {version}\n")
        text = PART.format(name=part, version=version, port=port)
        files.with_suffix(".yaml").write_text(text)
    return root


def workspace_script() -> ModuleType:
    """Load the registration script of the template."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = stub(Path(folder), "orders") / "scripts"
        for name in MODULES:
            sys.modules[name] = load(scripts / f"{name}.py")
    return load(SERVICE / "scripts" / "workspace.py")


def contents(workspace: Path) -> dict[str, bytes]:
    """Every file that lies in the workspace itself, and in its platform/."""
    paths = [*sorted(workspace.iterdir()), *sorted((workspace / "platform").rglob("*"))]
    return {
        path.relative_to(workspace).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file()
    }
