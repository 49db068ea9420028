"""Metadata of an issuer: the addresses of its key set and its token endpoint.

They are at the address of OpenID Connect Discovery, or at that of RFC 8414.
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from .fetch import fetch, is_trustworthy
from .settings import AuthSettings


class Metadata:
    """Metadata, fetched at first use, then cached; concurrent callers share one fetch."""

    def __init__(self, settings: AuthSettings, fetch: Callable[[str], bytes] = fetch) -> None:
        self._issuer = settings.issuer
        self._environment = settings.environment
        self._fetch = fetch
        self._lock = threading.Lock()
        self._document: Mapping[str, Any] | None = None

    def address(self, name: str) -> str:
        """Return one of the addresses: `jwks_uri` or `token_endpoint`.

        Raises:
            OSError: the issuer does not answer.
            ValueError: the address is missing or not trustworthy.
        """
        with self._lock:
            if self._document is None:
                self._document = self._read()
            found = self._document.get(name)
        if not isinstance(found, str) or not is_trustworthy(found, self._environment):
            raise ValueError(f"{self._issuer} names no usable {name}: {found}")
        return found

    def forget(self) -> None:
        """Fetch the metadata again at next use: one of the addresses has failed."""
        self._document = None

    def _read(self) -> Mapping[str, Any]:
        found = json.loads(self._content())
        document: Mapping[str, Any] = found if isinstance(found, dict) else {}
        if document.get("issuer") != self._issuer:
            raise ValueError(f"{self._issuer} calls itself {document.get('issuer')}")
        return document

    def _content(self) -> bytes:
        first, second = _addresses(self._issuer)
        try:
            return self._fetch(first)
        except HTTPError as error:
            error.close()
            if error.code >= 500:
                raise
            return self._fetch(second)


def _addresses(issuer: str) -> tuple[str, str]:
    url = urlsplit(issuer)
    # OpenID Connect Discovery 1.0, 4.1, appends to the path; RFC 8414, 3.1, prepends.
    before = f"/.well-known/oauth-authorization-server{url.path.rstrip('/')}"
    return (
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        url._replace(path=before).geturl(),
    )
