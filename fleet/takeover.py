"""Workspaces of version 0.1.0, in which each service edited compose.yaml itself.

Their containers are removed from the hand-written compose.yaml, keys that users added to them move
to compose.override.yaml, and the digests of the parts are removed from services.yaml.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

from . import FleetError, catalog, compose, registry
from .compose import CREDENTIALS, Root
from .compose_syntax import dependencies, extended, host_ports, variables
from .files import FOLDER
from .infrastructure import Part, Record, record
from .registry import Registry
from .yaml_edit import Document

OVERRIDE_HEADER = "# Additions to services in platform/compose.yaml; this file is yours.\n"

# Headers of the old version, and their replacements.
HEADERS = {
    b"""\
# The services of this workspace, each entered by its own `make register`. That writes the keys it
# knows; other keys, comments and entries are yours.
""": registry.SKELETON.removesuffix(b"services:\n"),
    b"""\
# All services of this workspace and what they need, each entered by its own `make register`. That
# writes the keys it knows; other keys, comments and entries are yours.
""": compose.SKELETON,
    b"""\
# Leads Backstage to the services of this workspace, each entered by its own `make register`.
""": catalog.SKELETON[: catalog.SKELETON.index(b"\n") + 1],
}


@dataclass
class Takeover:
    """The state of an old workspace, in the terms of this version."""

    records: dict[str, Record] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    additions: dict[str, dict[str, Any]] = field(default_factory=dict)


def with_new_header(content: bytes | None) -> bytes | None:
    """Return a file's content with the header of this version instead of the old one."""
    for old, new in HEADERS.items():
        if content is not None and content.startswith(old):
            rest = content.removeprefix(old)
            empty = new == compose.SKELETON and rest == b"services:\n"
            return new + (b"" if empty else rest)
    return content


def is_old(found: Registry) -> bool:
    """Return whether the old version wrote a registry."""
    entries = found.document.entries(registry.SECTION).values()
    return any("needs" in entry for entry in entries if isinstance(entry, dict)) or bool(
        _old_records(found.document)
    )


def take_over(found: Registry, root: Root, parts: dict[str, Part], volumes: set[str]) -> Takeover:
    """Remove the entries of the old version from the shared files; return their content."""
    taken = Takeover()
    for name, said in _old_records(found.document).items():
        try:
            taken.records[name] = record(name, said["version"], said["files"])
        except (ValueError, TypeError, AttributeError) as error:
            place = found.document.find(FOLDER, name)
            raise found.document.error(place and place[0], f"remove {name} ({error})") from error
    found.document.remove(set(taken.records), FOLDER)
    for name in found.members:
        found.document.remove({"needs"}, registry.SECTION, name)
    members = {f"{member.path}/compose.yaml": member for member in found.members.values()}
    files = {f"{FOLDER}/{name}.yaml": part for name, part in parts.items()}
    gone = set()
    for name, entry in root.document.entries("services").items():
        file = extended(entry) or ""
        if part := files.get(file):
            ports = list(host_ports(entry))[:1]
            if ports:
                taken.ports[part.name] = ports[0][0]
            ours = [f"127.0.0.1:{host}:{inside}" for host, inside in ports]
            _keep(taken, root.document, name, part.container, ours, parts)
        elif file in members and entry["extends"].get("service") == name:
            member = members[file]
            ours = member.published() if name == member.name else []
            _keep(taken, root.document, name, name, ours, parts)
        else:
            continue
        gone.add(name)
    root.document.remove(gone, "services")
    for name in volumes & root.document.entries("volumes").keys():
        if extra := _typed(root.document, "volumes", name):
            taken.additions.setdefault("volumes", {})[name] = extra
    root.document.remove(volumes, "volumes")
    return taken


def override(document: Document, taken: Takeover, parts: dict[str, Part]) -> bytes:
    """Return compose.override.yaml with the users' additions to the containers in it."""
    for part in parts.values():
        renamed = part.name != part.container and part.name in taken.ports
        if renamed and (place := document.find("services", part.name)):
            problem = f"rename {part.name} to {part.container} and run again"
            raise document.error(place[0], problem)
    text = yaml.safe_dump(taken.additions, sort_keys=False, width=10_000)
    wanted = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - makes nothing but text
    if not taken.additions or _contains(document.data, wanted):
        return document.content
    if document.content:
        raise FleetError(f"{document.path}: add these lines and run again:\n{text.rstrip()}")
    return (OVERRIDE_HEADER + text).encode()


def _old_records(document: Document) -> dict[str, Any]:
    said = document.data.get(FOLDER)
    entries = said.items() if isinstance(said, dict) else ()
    return {
        name: it
        for name, it in entries
        if isinstance(it, dict) and {"version", "files"} <= it.keys()
    }


def _keep(
    taken: Takeover,
    document: Document,
    name: str,
    new_name: str,
    ours: list[str],
    parts: dict[str, Part],
) -> None:
    """Keep the users' additions to an entry, under the new name of the container."""
    entry = document.entries("services")[name]
    added: dict[str, Any] = {}
    for key, said in entry.items():
        if key == "extends" or (key == "ports" and said == ours):
            continue
        if key == "environment" and variables(entry).keys() <= CREDENTIALS.keys():
            continue
        if key == "depends_on" and dependencies(entry).keys() <= parts.keys():
            continue
        value = _typed(document, "services", name, key)
        if key == "ports" and isinstance(value, list):
            value = [port for port in value if port not in ours]
        elif key == "environment":
            value = _without(variables({key: value}), CREDENTIALS)
        elif key == "depends_on":
            value = _without(dependencies({key: value}), parts)
        added[key] = value
    if added:
        taken.additions.setdefault("services", {})[new_name] = added


def _without(said: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in names}


def _typed(document: Document, *keys: str) -> Any:
    """Return the data at a path of keys, with the types that YAML gives them."""
    found = document.find(*keys)
    if found is None:
        return None
    if not _is_plain(found[1]):
        problem = f"move {'.'.join(keys)} to compose.override.yaml and run again"
        raise document.error(found[0], problem)
    return yaml.SafeLoader("").construct_object(found[1], deep=True)


def _is_plain(node: yaml.Node) -> bool:
    """Return whether a node has neither aliases nor tags that would be lost elsewhere."""
    if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.endswith(":merge"):
        return False
    if isinstance(node, yaml.ScalarNode):
        return True
    inner = [each for pair in node.value for each in (pair if isinstance(pair, tuple) else (pair,))]
    return all(map(_is_plain, inner))


def _contains(data: Any, wanted: Any) -> bool:
    """Return whether data include everything that is expected."""
    if isinstance(wanted, dict):
        return isinstance(data, dict) and all(
            key in data and _contains(data[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(data, list) and all(item in data for item in wanted)
    return bool(data == wanted)
