"""The running service conforms to its OpenAPI document, for any input.

Schemathesis generates valid and invalid requests from `/openapi.json` and checks each response.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rendering import TEMPLATE
from tests.support.running import Place

CASES = 1000
EXAMPLES_EACH = 300
SUPPORT = TEMPLATE / "tests" / "support"


def test_schemathesis_reports_no_failure(
    default_place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with default_place.serve(WEB_THREADS="8", SHUTDOWN_DRAIN_SECONDS="0") as service:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", str(SUPPORT / "fuzz.toml"), "run"),
                f"http://127.0.0.1:{service.port}/openapi.json",
                f"--header=Authorization: Bearer {service.token}",
                "--checks=all",
                f"--max-examples={EXAMPLES_EACH}",
                "--seed=1",
                "--request-timeout=60",
                "--generation-database=none",
                "--report=ndjson",
                f"--report-ndjson-path={tmp_path}/report.ndjson",
                "--no-color",
            ],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(SUPPORT / "fuzz_hooks.py")},
            capture_output=True,
            text=True,
            timeout=1200,
        )
        bugs = service.bugs()
        asked = service.counted()

    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert not bugs, json.dumps(bugs[:3], indent=2)
    with capsys.disabled():
        sys.stdout.write(f"\nschemathesis: {asked} requests\n")
    assert asked >= CASES
