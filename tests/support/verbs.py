"""A rendered service's own verbs, typed the way its developer types them."""

import os
import subprocess
from pathlib import Path

# What the run of these tests has and a developer at a prompt has not. In CI a new service would
# have to have its uv.lock already.
OURS = ("ARGS", "CI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV")


def environment() -> dict[str, str]:
    """Give what a developer at a prompt has, who is nobody in particular."""
    return {name: value for name, value in os.environ.items() if name not in OURS}


def make(service: Path, *arguments: str, **variables: str) -> str:
    """Run `make` in a service and give what it prints on standard output.

    Raises:
        AssertionError: it failed; the message has all that it said.
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
