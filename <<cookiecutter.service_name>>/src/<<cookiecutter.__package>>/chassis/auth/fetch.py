"""What an identity provider publishes, fetched."""

from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

_TIMEOUT_SECONDS = 5
_MAX_BYTES = 512 * 1024
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class _Nowhere(HTTPRedirectHandler):
    """Follows no redirect: it could lead to where nobody has seen to it that it is trustworthy."""

    def redirect_request(self, *_: Any) -> None:
        """Leave the answer as it is: an error."""


def fetch(url: str) -> bytes:
    """Fetch a JSON document.

    Raises:
        OSError: it can't be had.
    """
    headers = {"Accept": "application/json, application/jwk-set+json"}
    request = Request(url, headers=headers)  # noqa: S310 (only what `is_trustworthy`)
    try:
        with build_opener(_Nowhere).open(request, timeout=_TIMEOUT_SECONDS) as response:
            content: bytes = response.read(_MAX_BYTES + 1)
    except HTTPException as error:
        raise OSError(f"{url} answers with no HTTP: {error!r}") from error
    if len(content) > _MAX_BYTES:
        raise OSError(f"{url} answers with more than {_MAX_BYTES} bytes")
    return content


def is_trustworthy(url: str, environment: str | None) -> bool:
    """Tell whether nobody can change on the way what comes from there."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return parts.hostname in _LOOPBACK or (environment == "development" and bool(parts.netloc))
    return parts.scheme == "https" and bool(parts.netloc)
