"""The controller of Argo Rollouts, built from its module."""

from pathlib import Path

from . import kept, run, source

MODULE, VERSION = "github.com/argoproj/argo-rollouts", "v1.8.5"


def controller() -> Path:
    """Return the program."""

    def install(folder: Path) -> None:
        # `go install` rejects modules with replace directives, such as this one.
        run(
            *(
                "go",
                "build",
                "-C",
                source(MODULE, VERSION),
                "-o",
                f"{folder}/",
                "./cmd/rollouts-controller",
            ),
            needed_by=MODULE,
            GOFLAGS="-p=1 -trimpath -ldflags=-s",
        )

    return kept(f"argo-rollouts-{VERSION}", install) / "rollouts-controller"
