"""How much code a service owns: lines of Python in all, and outside the vendored chassis."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.rendering import TEMPLATE


@pytest.mark.parametrize(
    ("answers", "most", "most_own"),
    [
        ({}, 5000, 3000),
        ({"depends_on": "inventory,payments", "discovery": "consul"}, 8000, 3600),
    ],
    ids=["defaults", "two peers and Consul"],
)
def test_service_is_small(
    answers: dict[str, str],
    most: int,
    most_own: int,
    rendered: Callable[..., Path],
    record_property: Callable[[str, object], None],
) -> None:
    service = rendered(**answers)
    lines = {
        file.relative_to(service): len(file.read_text("utf-8").splitlines())
        for file in service.rglob("*.py")
    }
    total = sum(lines.values())
    own = sum(count for file, count in lines.items() if "chassis" not in file.parts)

    name = " ".join(f"{key}={value}" for key, value in answers.items()) or "the defaults"
    figure = f"{total} lines of Python with {name}, of at most {most}; "
    figure += f"{own} outside chassis/, of at most {most_own}"
    record_property("figure", figure)
    assert total <= most, figure
    assert own <= most_own, figure


def test_no_file_of_the_fleet_tool_is_in_a_service(rendered: Callable[..., Path]) -> None:
    contents = {file.read_bytes() for file in (TEMPLATE / "fleet").rglob("*") if file.is_file()}
    service = rendered()

    assert [
        file for file in service.rglob("*") if file.is_file() and file.read_bytes() in contents
    ] == []
