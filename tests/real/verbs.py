"""A rendered service's own verbs, typed the way its developer types them."""

import os
import subprocess
from pathlib import Path


def make(service: Path, *arguments: str, **variables: str) -> str:
    """Run `make` in a service and give what it prints on standard output.

    Raises:
        AssertionError: it failed; the message has all that it said.
    """
    # The service's environment is its own, not the one that runs these tests.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=service,
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"make {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()
