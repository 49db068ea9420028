"""Read the metadata of a service: catalog-info.yaml and compose.yaml in its folder."""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import FleetError

ANNOTATION = "cookiecutter-flask-microservice/"

# A DNS label; a service's name is a host name, too.
LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
SEGMENT = re.compile(r"(?!\.{1,2}$)[\w.+@-][\w .+@-]*")
VERSION = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True)
class Containers:
    """The containers of a service, as its own compose file defines them."""

    names: tuple[str, ...]
    volumes: tuple[str, ...]
    exposed: tuple[str, ...]


@dataclass(frozen=True)
class Service:
    """A service in a workspace, with paths relative to the workspace."""

    name: str
    path: str
    owner: str
    description: str
    api: dict[str, str]
    depends_on: tuple[str, ...]
    publishes: tuple[str, ...]
    consumes: tuple[str, ...]
    version: str
    containers: Containers

    def entry(self, ports: dict[str, int]) -> dict[str, Any]:
        """Return the service's entry in the registry."""
        return {
            "path": self.path,
            "owner": self.owner,
            "description": self.description,
            "ports": ports,
            "api": self.api,
            "depends_on": list(self.depends_on),
            "publishes": list(self.publishes),
            "consumes": list(self.consumes),
            "template": {"version": self.version},
        }


def read_service(workspace: Path, path: str) -> Service:
    """Read a service from its own files."""
    file = workspace / path / "catalog-info.yaml"
    documents = _documents(file)
    try:
        return _service(path, [entity for entity in documents if entity], file.parent)
    except (LookupError, TypeError, AttributeError, StopIteration, ValueError) as error:
        problem = f"{type(error).__name__}: {error}".strip().removesuffix(":")
        raise FleetError(f"{file} is incomplete ({problem}); correct it and run again") from error


def read_containers(folder: Path, name: str) -> Containers:
    """Read the containers of a service from the compose file in its folder."""
    file = folder / "compose.yaml"
    documents = _documents(file)
    try:
        data = documents[0]
        services = data["services"]
        return Containers(
            names=tuple(_checked(NAME, container) for container in services),
            volumes=tuple(_checked(NAME, volume) for volume in data.get("volumes") or {}),
            exposed=tuple(map(str, services[name].get("expose") or ())),
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise FleetError(f"{file} is incomplete ({problem}); correct it and run again") from error


def is_inside(path: Any) -> bool:
    """Return whether a relative path leads to a folder inside the workspace."""
    return isinstance(path, str) and all(map(SEGMENT.fullmatch, path.split("/")))


def _service(path: str, entities: list[Any], folder: Path) -> Service:
    component = next(entity for entity in entities if entity["kind"] == "Component")
    metadata, spec = component["metadata"], component["spec"]
    annotations = metadata["annotations"]
    name = _checked(LABEL, metadata["name"])
    peers = [peer for peer in spec.get("dependsOn") or () if peer.startswith("component:")]
    api = {
        _checked(NAME, entity["spec"]["type"]): posixpath.normpath(posixpath.join(path, place))
        for entity in entities
        if entity["kind"] == "API" and (place := entity["spec"]["definition"].get("$text"))
    }
    if not all(map(is_inside, api.values())):
        raise ValueError("the API description lies outside of the workspace")
    return Service(
        name=name,
        path=path,
        owner=_text(spec["owner"]),
        description=_text(metadata["description"]),
        api=api,
        depends_on=_labels(peer.rpartition("/")[2].removeprefix("component:") for peer in peers),
        publishes=_events(annotations, "publishes"),
        consumes=_events(annotations, "consumes"),
        version=_checked(VERSION, annotations[ANNOTATION + "version"]),
        containers=read_containers(folder, name),
    )


def _events(annotations: Any, verb: str) -> tuple[str, ...]:
    names = annotations.get(ANNOTATION + verb, "").split(",")
    return tuple(_checked(NAME, name) for name in names if name)


def _labels(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(_checked(LABEL, name) for name in names)


def _checked(form: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{value!r} has not the form {form.pattern}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{value!r} is not a line of text")
    return value


def _documents(file: Path) -> list[Any]:
    """Return the documents of a YAML file, every scalar as text."""
    try:
        if file.is_symlink():
            raise FleetError(f"{file} is a symbolic link; replace it by what it points to")
        return list(yaml.load_all(file.read_text("utf-8"), yaml.BaseLoader))
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", error)
        raise FleetError(f"{file}: {problem}; correct it and run again") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "unreadable"
        line = mark.line + 1 if mark else 1
        raise FleetError(
            f"{file}:{line}: broken YAML ({problem}); correct it and run again"
        ) from error
