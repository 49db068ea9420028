"""Rendered charts as fixtures: what Helm makes of a service's chart and some values."""

from pathlib import Path
from typing import Protocol

import pytest

from tests.real.tools import helm
from tests.real.tools.helm import Object
from tests.rendering import render


class Render(Protocol):
    """Renders a chart."""

    def __call__(self, *values: str, **answers: str) -> list[Object]:
        """Give the objects of a service with these answers, and values as for --set-json."""


@pytest.fixture(scope="session")
def charts(helm4: helm.Helm, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Render a service with these answers, once, and its chart with these values."""
    rendered: dict[frozenset[tuple[str, str]], Path] = {}

    def chart(*values: str, **answers: str) -> list[Object]:
        key = frozenset(answers.items())
        if key not in rendered:
            service = render(tmp_path_factory.mktemp("chart"), workspace="", **answers)
            rendered[key] = service / "deploy/helm" / service.name
        return helm4.template(rendered[key], *values)

    return chart
