"""Strict parsing of request heads, against request smuggling (RFC 9112, 5 and 6).

cheroot accepts heads that a proxy in front may parse differently: where one sees the end of a
request, the other would see a second request.
"""

import re
from typing import Any

from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest

_NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(rb"[^\r\n\0]*")
_ONCE = frozenset({b"Authorization", b"Content-Length", b"Host"})


class _Reader(HeaderReader):
    """Rejects ambiguous headers; cheroot then answers 400 and closes the connection."""

    def __call__(self, rfile: Any, hdict: Any = None) -> Any:
        """Return the headers up to the empty line."""
        found: dict[bytes, bytes] = {} if hdict is None else hdict
        while (line := rfile.readline()) != b"\r\n":
            name, colon, value = line.removesuffix(b"\r\n").partition(b":")
            name, value = name.title(), value.strip(b" \t")
            if not (colon and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
                raise ValueError("Illegal header line.")
            if name in found and name in _ONCE:
                raise ValueError("Repeated header line.")
            if b"_" not in name:  # WSGI could not tell it from one with "-"
                found[name] = b", ".join((found[name], value)) if name in found else value
        if not found.get(b"Content-Length", b"0").isdigit():
            raise ValueError("Malformed Content-Length header.")
        return found


class _Request(HTTPRequest):
    header_reader = _Reader()

    def parse_request(self) -> None:
        """Parse a head; answer 400 where cheroot would raise ValueError."""
        try:
            super().parse_request()
        except ValueError:  # for a target such as `//[`
            self.simple_response("400 Bad Request", "Malformed Request-URI")


class Connection(HTTPConnection):
    """A connection whose request heads are parsed strictly."""

    RequestHandlerClass = _Request
