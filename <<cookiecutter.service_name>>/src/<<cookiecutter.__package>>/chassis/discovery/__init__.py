"""Service discovery: registering this process, and resolving the instances of peers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instance:
    """One address of a service."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """Return its base URL, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"
