"""Print the `version` or the `notes` of the latest release in CHANGELOG.md."""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[1] / "CHANGELOG.md"
SECTION = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}\n(.*?)(?=^## |\Z)", re.M | re.S)


def latest(changelog: str) -> tuple[str, str]:
    """Return version and notes of the latest release; unreleased changes are skipped."""
    section = SECTION.search(changelog)
    if section is None:
        raise SystemExit(
            "CHANGELOG.md has no release: begin its section with ## [1.2.3] - 2026-01-31"
        )
    return section[1], section[2].strip()


def main() -> None:
    """Print the version or the notes."""
    version, notes = latest(CHANGELOG.read_text("utf-8"))
    match sys.argv[1:]:
        case ["version"]:
            print(version)
        case ["notes"]:
            print(notes)
        case _:
            raise SystemExit("usage: release.py version | notes")


if __name__ == "__main__":
    main()
