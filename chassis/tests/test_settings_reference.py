"""The generated reference of settings describes the settings classes as they are."""

import runpy
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[2]
PIECES: dict[Path, str] = runpy.run_path(str(TEMPLATE / "scripts/update_settings.py"))["pieces"]()


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_reference_is_current(piece: Path) -> None:
    assert piece.read_text("utf-8") == PIECES[piece], "run: make settings"
