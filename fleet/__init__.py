"""The tool of a workspace: it registers services and derives what they share.

It runs from the template's folder (the hook), from `platform/fleet.pyz` in a workspace (a service's
`make register`) or installed (`uvx --from <repository> fleet`).
"""

__version__ = "0.1.0"


class FleetError(Exception):
    """A refusal; the message names the file, the problem and the remedy on one line."""
