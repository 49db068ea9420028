"""The routes of the gateway."""

from collections.abc import Iterable
from pathlib import Path

from .files import FOLDER, read

ROUTES = "gateway/routes.conf"
HEADER = "# Derived from services.yaml by `make register`; changes here do not last.\n"
OLD_HEADER = b"# Made of services.yaml"


def routes(names: Iterable[str]) -> bytes:
    """Return the gateway's routes: one for each registered service."""
    return (HEADER + "".join(f"/{name} http://{name}:8000;\n" for name in sorted(names))).encode()


def is_ours(workspace: Path) -> bool:
    """Return whether a workspace's routes were derived."""
    found = read(workspace / FOLDER / ROUTES) or b""
    return found.startswith((HEADER.encode(), OLD_HEADER))
