"""What an identity provider publishes, fetched."""

from urllib.parse import urlsplit
from urllib.request import Request, urlopen

_TIMEOUT_SECONDS = 5
_MAX_BYTES = 512 * 1024
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def fetch(url: str) -> bytes:
    """Fetch a JSON document.

    Raises:
        OSError: it can't be had.
    """
    headers = {"Accept": "application/json, application/jwk-set+json"}
    request = Request(url, headers=headers)  # noqa: S310 (only what `is_trustworthy`)
    with urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
        content: bytes = response.read(_MAX_BYTES)
        return content


def is_trustworthy(url: str, environment: str | None) -> bool:
    """Tell whether nobody can change on the way what comes from there."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return parts.hostname in _LOOPBACK or (environment == "development" and bool(parts.netloc))
    return parts.scheme == "https" and bool(parts.netloc)
