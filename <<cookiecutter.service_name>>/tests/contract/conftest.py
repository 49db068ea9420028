"""Says whose contracts are checked, and keeps the tools from calling home."""

import os

from << cookiecutter.__package >>.settings import SERVICE_NAME

from .consumers import PLACE, consumers

os.environ.setdefault("PACT_DO_NOT_TRACK", "true")


def pytest_report_header() -> str:
    """Name the consumers, since a service without any passes too."""
    return f"relying on {SERVICE_NAME}, in {PLACE}: {', '.join(consumers()) or 'nobody'}"
