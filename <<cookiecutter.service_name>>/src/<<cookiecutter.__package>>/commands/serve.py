"""Serve until a signal stops the process."""

import os
import sys

from flask import Flask

from .. import bootstrap
from ..app import create_app
from ..chassis import observability
from ..chassis.inbound import Server, run_in_worker
from ..chassis.settings import SettingsError
from ..settings import SERVICE_NAME, read


def application() -> Flask:
    """Return the application of one worker process."""
    app = create_app()
    run_in_worker(app)
    return app


def main() -> None:
    """Check the settings, then serve."""
    try:
        settings = read(os.environ)
        bootstrap.connect(settings).close()  # connects to nothing yet, but rejects a wrong URL
        bootstrap.listening(settings).check()
    except SettingsError as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        sys.exit(f"{SERVICE_NAME} can't start:\n{problems}")
    observability.logs.configure(settings)
    Server(f"{__name__}:application", settings, bootstrap.registration(settings)).serve()
