"""Problems with a registry of services: what it refuses, and that each kind is told once."""

from collections.abc import Mapping
from typing import ClassVar

from urllib3 import BaseHTTPResponse


class Refused(Exception):
    """A registry refuses a request, or can't answer it now.

    Attributes:
        remedies: by status, what to look at.
    """

    remedies: ClassVar[Mapping[int, str]] = {}

    def __init__(self, response: BaseHTTPResponse) -> None:
        self.status = response.status
        said = f"{response.status} {response.data[:200].decode(errors='replace').strip()}"
        super().__init__("; ".join(filter(None, (said, self.remedies.get(response.status)))))


class Problems:
    """The kinds of problem that were told since all was well."""

    def __init__(self) -> None:
        self._told: set[tuple[type[Exception], int]] = set()

    def is_new(self, error: Exception) -> bool:
        """Tell whether there was none of its kind yet, and note it."""
        kind = type(error), error.status if isinstance(error, Refused) else 0
        if kind in self._told:
            return False
        self._told.add(kind)
        return True

    def end(self) -> bool:
        """Forget them; tell whether there were any."""
        were = bool(self._told)
        self._told.clear()
        return were
