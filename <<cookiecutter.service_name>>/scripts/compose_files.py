"""What compose files say, in whichever of their forms."""

import posixpath
import re
from collections.abc import Iterator
from typing import Any

# The ports on the host in "8001:8000", "127.0.0.1:8001:8000/tcp" and "8001-8005:8001-8005".
PUBLISHED = re.compile(r"(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?:(\d+)(?:-\d+)?(?:/\w+)?")
DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")


def host_ports(said: Any) -> Iterator[tuple[int, str]]:
    """Yield the ports on the host, and in the container, that a compose file publishes anywhere."""
    if isinstance(said, dict):
        if "published" in said:
            yield from host_ports(f"{said['published']}:{said.get('target', 0)}")
        said = list(said.values())
    if isinstance(said, list):
        for item in said:
            yield from host_ports(item)
    elif match := PUBLISHED.fullmatch(DEFAULT.sub(r"\1", said)):
        first, last, inside = match.groups()
        for number in range(int(first), int(last or first) + 1):
            yield number, inside


def numbers(said: Any) -> Iterator[int]:
    """Yield every whole number in a document."""
    if isinstance(said, dict | list):
        for item in said.values() if isinstance(said, dict) else said:
            yield from numbers(item)
    elif said.isdecimal():
        yield int(said)


def extended(entry: Any) -> str | None:
    """Return the file that a service's entry extends."""
    extends = entry.get("extends") if isinstance(entry, dict) else None
    return posixpath.normpath(str(extends.get("file"))) if isinstance(extends, dict) else None


def variables(entry: Any) -> dict[str, Any]:
    """Return the environment that a service's entry gives it."""
    said = entry.get("environment") if isinstance(entry, dict) else None
    if isinstance(said, list):  # A=1, or just A for what it is where Compose runs
        pairs = (item.partition("=") for item in said)
        return {name: value if given else None for name, given, value in pairs}
    return dict(said) if isinstance(said, dict) else {}


def dependencies(entry: Any) -> dict[str, Any]:
    """Return what a service's entry says it waits for, each with the condition."""
    said = entry.get("depends_on") if isinstance(entry, dict) else None
    if isinstance(said, list):
        return {name: {"condition": "service_started"} for name in said}
    return dict(said) if isinstance(said, dict) else {}
