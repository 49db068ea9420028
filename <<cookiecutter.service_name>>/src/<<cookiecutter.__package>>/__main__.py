"""Command line: `python -m << cookiecutter.__package >> serve | migrate | token`."""

import argparse
import os
import tempfile
from importlib import import_module

COMMANDS = ("serve", "migrate", "token")


def main() -> None:
    """Run a command; without one, serve."""
    parser = argparse.ArgumentParser(prog="python -m << cookiecutter.__package >>")
    parser.add_argument("command", nargs="?", choices=COMMANDS, default="serve")
    command: str = parser.parse_args().command
    with tempfile.TemporaryDirectory(prefix="metrics-") as folder:
        # prometheus_client reads this variable when it is imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        import_module(f".commands.{command}", __package__).main()


if __name__ == "__main__":
    main()
