"""List the consumers in the report, because a service without consumers passes too."""

import gc
import os

import pytest

from << cookiecutter.__package >>.settings import SERVICE_NAME

from .consumers import PLACE, consumers

os.environ.setdefault("PACT_DO_NOT_TRACK", "true")


def pytest_configure(config: pytest.Config) -> None:
    """Ignore a warning: pact-python does not close the socket of its server for states."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


def pytest_sessionfinish() -> None:
    """Release such sockets while the filter is in effect."""
    gc.collect()


def pytest_report_header() -> str:
    """Return the line about consumers."""
    names = ", ".join(name for name, _ in consumers()) or "none"
    return f"consumers of {SERVICE_NAME}, in {PLACE}: {names}"
