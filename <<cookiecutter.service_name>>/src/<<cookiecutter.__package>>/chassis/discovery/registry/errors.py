"""Problems with a service registry: rejected requests, and logging each kind once."""

from collections.abc import Mapping
from typing import ClassVar

from urllib3 import BaseHTTPResponse


class Refused(Exception):
    """A registry rejects a request, or cannot answer it now.

    Attributes:
        remedies: the settings to check, by status.
    """

    remedies: ClassVar[Mapping[int, str]] = {}

    def __init__(self, response: BaseHTTPResponse) -> None:
        self.status = response.status
        answer = f"{response.status} {response.data[:200].decode(errors='replace').strip()}"
        super().__init__("; ".join(filter(None, (answer, self.remedies.get(response.status)))))


class Problems:
    """The kinds of problem since the last success."""

    def __init__(self) -> None:
        self._seen: set[tuple[type[Exception], int]] = set()

    def is_new(self, error: Exception) -> bool:
        """Record an error; return whether it is the first of its kind."""
        kind = type(error), error.status if isinstance(error, Refused) else 0
        if kind in self._seen:
            return False
        self._seen.add(kind)
        return True

    def end(self) -> bool:
        """Forget all problems; return whether there were any."""
        had_problems = bool(self._seen)
        self._seen.clear()
        return had_problems
