"""Which ports of this machine the files of a workspace give away."""

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
