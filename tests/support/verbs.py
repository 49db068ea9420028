"""Run the make targets of a rendered service, as its developer does."""

import os
import subprocess
from pathlib import Path

# Variables of the test run that a developer's shell lacks. With CI set, a new service would need a
# uv.lock.
OURS = ("ARGS", "CI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV")


def environment() -> dict[str, str]:
    """Return the environment of a developer's shell."""
    return {name: value for name, value in os.environ.items() if name not in OURS}


def make(service: Path, *arguments: str, **variables: str) -> str:
    """Run `make` in a service and return its standard output.

    Raises:
        AssertionError: it failed; the message has the whole output.
    """
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=service,
        env={**environment(), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"make {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()
