"""How others hear that this process serves, and that it stops."""

from typing import Protocol


class Announcement(Protocol):
    """Tells a registry of services about this process; none of it fails or waits for long."""

    def start(self) -> None:
        """Tell as soon as the process is ready, and keep it up."""
        ...

    def withdraw(self) -> None:
        """Tell that the process is about to stop; it still serves for a while."""
        ...
