"""The BuildKit that the pipelines build with, built from its module where no image can be pulled."""

import subprocess
from pathlib import Path

from . import kept, run

MODULE = "github.com/moby/buildkit"


def daemon(version: str) -> Path:
    """The program."""

    def install(folder: Path) -> None:
        # Not `go install`, which takes no module that excludes others, as this one does.
        run("go", "mod", "download", f"{MODULE}@{version}", needed_by=MODULE)
        modules = subprocess.run(
            ["go", "env", "GOMODCACHE"], check=True, capture_output=True, text=True
        )
        source = Path(modules.stdout.strip(), f"{MODULE}@{version}")
        run(
            *("go", "build", "-C", source, "-o", f"{folder}/", "./cmd/buildkitd"),
            needed_by=MODULE,
            GOFLAGS="-p=1 -trimpath -ldflags=-s -mod=mod",
        )

    return kept(f"buildkit-{version}", install) / "buildkitd"
