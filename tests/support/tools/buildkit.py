"""The BuildKit that the pipelines build with, built from its module where no image can be pulled."""

from pathlib import Path

from . import kept, run, source

MODULE = "github.com/moby/buildkit"


def daemon(version: str) -> Path:
    """The program."""

    def install(folder: Path) -> None:
        # Not `go install`, which takes no module that excludes others, as this one does.
        run(
            *("go", "build", "-C", source(MODULE, version), "-o", f"{folder}/", "./cmd/buildkitd"),
            needed_by=MODULE,
            GOFLAGS="-p=1 -trimpath -ldflags=-s -mod=mod",
        )

    return kept(f"buildkit-{version}", install) / "buildkitd"
