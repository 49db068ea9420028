"""checkov, which knows the rules of the trade for manifests."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import from_pypi


@dataclass(frozen=True)
class Checkov:
    """The program; it asks nobody for anything."""

    program: Path

    def failed(self, manifest: Path) -> list[str]:
        """Name the checks that objects of a manifest fail, but for those that they except."""
        report = self._report(manifest)
        assert report["summary"]["passed"] > 20, report["summary"]
        return [
            f"{check['resource']}: {check['check_id']} {check['check_name']}"
            for check in report["results"]["failed_checks"]
        ]

    def excepted(self, manifest: Path) -> dict[str, str]:
        """Give the checks that objects except themselves from, with the reasons."""
        return {
            check["check_id"]: check["check_result"].get("suppress_comment", "")
            for check in self._report(manifest)["results"]["skipped_checks"]
        }

    def _report(self, manifest: Path) -> dict[str, Any]:
        done = subprocess.run(
            [
                *(self.program, "--skip-download", "--framework=kubernetes", "--output=json"),
                *("--file", manifest),
            ],
            env={**os.environ, "LOG_LEVEL": "ERROR"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        report: dict[str, Any] = json.loads(done.stdout)
        return report


def program() -> Checkov:
    """The program."""
    return Checkov(from_pypi("checkov", "3.3.30") / "bin/checkov")
