"""checkov, a scanner with the usual rules for manifests."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import from_pypi


@dataclass(frozen=True)
class Report:
    """The findings.

    Attributes:
        passed: the number of passed checks.
        failed: the failed ones, one line each.
        excepted: the checks that objects skip, with the reasons.
    """

    passed: int
    failed: list[str]
    excepted: dict[str, str]


@dataclass(frozen=True)
class Checkov:
    """The program; it works offline."""

    program: Path

    def scan(self, manifest: Path) -> Report:
        """Return the findings for every object of a manifest."""
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
        results = report["results"]
        return Report(
            passed=report["summary"]["passed"],
            failed=[
                f"{check['resource']}: {check['check_id']} {check['check_name']}"
                for check in results["failed_checks"]
            ],
            excepted={
                check["check_id"]: check["check_result"].get("suppress_comment", "")
                for check in results["skipped_checks"]
            },
        )


def program() -> Checkov:
    """Return the program."""
    return Checkov(from_pypi("checkov", "3.3.30") / "bin/checkov")
