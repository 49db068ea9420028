"""Identifiers that sort by creation time."""

import secrets
import time
from uuid import UUID

_NANOSECONDS_PER_MILLISECOND = 1_000_000


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, 5.7).

    The 12 bits after the version hold the fraction of the millisecond (6.2, method 3), so
    identifiers made by one process sort by time to about 250 ns.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), _NANOSECONDS_PER_MILLISECOND)
    fraction = nanoseconds * 4096 // _NANOSECONDS_PER_MILLISECOND
    timestamp = milliseconds.to_bytes(6)
    version = (0x7000 | fraction).to_bytes(2)
    variant = (0x8000_0000_0000_0000 | secrets.randbits(62)).to_bytes(8)
    return UUID(bytes=timestamp + version + variant)
