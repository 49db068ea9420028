"""The reference of settings in the template is the one that the settings classes give."""

import subprocess

from tests.support.rendering import TEMPLATE

PYTHON = TEMPLATE / ".venv-chassis/bin/python"
COMPARE = """
import sys
sys.path.insert(0, "scripts")
import update_settings
for path, text in update_settings.pieces().items():
    if path.read_text("utf-8") != text:
        print(path.relative_to(update_settings.ROOT))
"""


def test_reference_of_settings_is_current() -> None:
    done = subprocess.run(
        [PYTHON, "-B", "-c", COMPARE], cwd=TEMPLATE, capture_output=True, text=True, check=True
    )

    assert done.stdout == "", "run: make settings"
