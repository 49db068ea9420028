"""The BuildKit of the pipelines, built from its module if no image can be pulled."""

from pathlib import Path

from . import kept, run, source

MODULE = "github.com/moby/buildkit"


def daemon(version: str) -> Path:
    """Return the program."""

    def install(folder: Path) -> None:
        # `go install` rejects modules with exclude directives, such as this one.
        run(
            *("go", "build", "-C", source(MODULE, version), "-o", f"{folder}/", "./cmd/buildkitd"),
            needed_by=MODULE,
            GOFLAGS="-p=1 -trimpath -ldflags=-s -mod=mod",
        )

    return kept(f"buildkit-{version}", install) / "buildkitd"
