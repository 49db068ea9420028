"""Reading compose files, in each of the forms that Compose accepts."""

import posixpath
import re
from collections.abc import Iterator
from typing import Any

# The host ports in "8001:8000", "127.0.0.1:8001:8000/tcp" and "8001-8005:8001-8005".
PUBLISHED = re.compile(r"(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?:(\d+)(?:-\d+)?(?:/\w+)?")
DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")


def host_ports(data: Any) -> Iterator[tuple[int, str]]:
    """Yield host port and container port of everything published anywhere in a compose file."""
    if isinstance(data, dict):
        if "published" in data:
            yield from host_ports(f"{data['published']}:{data.get('target', 0)}")
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from host_ports(item)
    elif match := PUBLISHED.fullmatch(DEFAULT.sub(r"\1", str(data))):
        first, last, inside = match.groups()
        for number in range(int(first), int(last or first) + 1):
            yield number, inside


def extended(entry: Any) -> str | None:
    """Return the file that a service's entry extends."""
    extends = entry.get("extends") if isinstance(entry, dict) else None
    return posixpath.normpath(str(extends.get("file"))) if isinstance(extends, dict) else None


def variables(entry: Any) -> dict[str, Any]:
    """Return the environment of a service's entry."""
    said = entry.get("environment") if isinstance(entry, dict) else None
    if isinstance(said, list):  # A=1, or only A for its value where Compose runs
        pairs = (str(item).partition("=") for item in said)
        return {name: value if given else None for name, given, value in pairs}
    return dict(said) if isinstance(said, dict) else {}


def dependencies(entry: Any) -> dict[str, Any]:
    """Return what a service's entry waits for, with the condition."""
    said = entry.get("depends_on") if isinstance(entry, dict) else None
    if isinstance(said, list):
        return {name: {"condition": "service_started"} for name in said}
    return dict(said) if isinstance(said, dict) else {}
