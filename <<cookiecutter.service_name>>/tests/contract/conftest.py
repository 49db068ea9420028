"""Says whose contracts are checked, and keeps the tools from calling home."""

import os

from << cookiecutter.__package >>.settings import SERVICE_NAME

from .consumers import PLACE, consumers, left_behind

os.environ.setdefault("PACT_DO_NOT_TRACK", "true")


def pytest_report_header() -> list[str]:
    """Name the consumers, since a service without any passes too; and whom the registry misses."""
    names = ", ".join(name for name, _ in consumers()) or "none"
    doubt = f"is from no service that calls {SERVICE_NAME}, says services.yaml; if so, delete it"
    lines = [f"{file} {doubt}" for file in left_behind()]
    return [f"relying on {SERVICE_NAME}, in {PLACE}: {names}", *lines]
