"""Fetching the documents that an identity provider publishes."""

from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

_TIMEOUT_SECONDS = 5
_MAX_BYTES = 512 * 1024
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: the target has not been checked by `is_trustworthy`."""

    def redirect_request(self, *_: Any) -> None:
        """Return None: the redirect becomes an error."""


def fetch(url: str) -> bytes:
    """Return a JSON document.

    Raises:
        OSError: it cannot be fetched.
    """
    headers = {"Accept": "application/json, application/jwk-set+json"}
    request = Request(url, headers=headers)  # noqa: S310 (checked by `is_trustworthy`)
    try:
        with build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_SECONDS) as response:
            content: bytes = response.read(_MAX_BYTES + 1)
    except HTTPException as error:
        raise OSError(f"{url} does not answer with HTTP: {error!r}") from error
    if len(content) > _MAX_BYTES:
        raise OSError(f"{url} answers with more than {_MAX_BYTES} bytes")
    return content


def is_trustworthy(url: str, environment: str | None) -> bool:
    """Return whether documents from there cannot be changed in transit."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return parts.hostname in _LOOPBACK or (environment == "development" and bool(parts.netloc))
    return parts.scheme == "https" and bool(parts.netloc)
