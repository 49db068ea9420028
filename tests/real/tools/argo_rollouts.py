"""The controller of Argo Rollouts, built from its module."""

import subprocess
from pathlib import Path

from . import kept, run

MODULE, VERSION = "github.com/argoproj/argo-rollouts", "v1.8.5"


def controller() -> Path:
    """The program."""

    def install(folder: Path) -> None:
        # Not `go install`, which takes no module that replaces others, as this one does.
        run("go", "mod", "download", f"{MODULE}@{VERSION}", needed_by=MODULE)
        modules = subprocess.run(
            ["go", "env", "GOMODCACHE"], check=True, capture_output=True, text=True
        )
        source = Path(modules.stdout.strip(), f"{MODULE}@{VERSION}")
        run(
            *("go", "build", "-C", source, "-o", f"{folder}/", "./cmd/rollouts-controller"),
            needed_by=MODULE,
            GOFLAGS="-p=1 -trimpath -ldflags=-s",
        )

    return kept(f"argo-rollouts-{VERSION}", install) / "rollouts-controller"
