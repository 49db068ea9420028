"""Run the tool: `python -m fleet`."""

from .cli import main

main(prog_name="fleet")
