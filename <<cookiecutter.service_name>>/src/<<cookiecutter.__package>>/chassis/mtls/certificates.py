"""TLS contexts that reload when certificate files change; no restart needed."""

import logging
import ssl
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from prometheus_client import Gauge

# A file that changed within these seconds may be incomplete.
SETTLE_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.5
# For TLS 1.2: forward secret and authenticated, as all of TLS 1.3 is.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

EXPIRY = Gauge(
    "tls_certificate_expiry_timestamp_seconds",
    "When the certificate in use expires; 0 without one.",
    multiprocess_mode="livemin",
)

logger = logging.getLogger(__name__)


class Expired(Exception):
    """The certificate in use has expired; peers reject it."""


class Files(NamedTuple):
    """Our certificate with its chain, its key, and the authorities that we trust, as PEM."""

    certificate: Path
    key: Path
    authorities: Path

    def own(self) -> x509.Certificate:
        """Return our certificate.

        Raises:
            OSError: the file cannot be read.
            ValueError: it contains no certificate, or one that is not valid now.
        """
        found = x509.load_pem_x509_certificates(self.certificate.read_bytes())[0]
        if not found.not_valid_before_utc <= datetime.now(UTC) < found.not_valid_after_utc:
            raise ValueError(f"the certificate in {self.certificate} is not valid now")
        return found

    def context(self, protocol: int) -> ssl.SSLContext:
        """Return a context that presents our certificate and requires one of the other side.

        Raises:
            OSError: a file cannot be read, or certificate and key do not match.
            ValueError: the certificate is not valid now, or the key is encrypted.
        """
        self.own()
        for file in self:
            file.open("rb").close()  # the errors below do not name the file
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.check_hostname = False  # services are identified by their SPIFFE IDs
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certificate, self.key, password=_no_password)
        context.load_verify_locations(self.authorities)
        if protocol == ssl.PROTOCOL_TLS_SERVER:
            # No session resumption: every connection presents its certificate.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return context

    def state(self) -> tuple[tuple[int, ...], ...]:
        """Return a value that differs after any change of the files, or of links to them."""
        return tuple(map(_state, self))


class ReloadingContext:
    """The TLS context of files, reloaded when they change; unusable files change nothing."""

    def __init__(self, files: Files, protocol: int) -> None:
        self._files = files
        self._protocol = protocol
        self._lock = threading.Lock()
        self._look_again_at = 0.0
        self._state = files.state()
        self._use()

    def current(self) -> ssl.SSLContext:
        """Return the context for a new connection."""
        if time.monotonic() >= self._look_again_at and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._context

    def check(self) -> None:
        """Raise Expired if the certificate in use has expired, and there is no new one."""
        self.current()
        if time.time() > self._expiry:
            raise Expired

    def _look(self) -> None:
        self._look_again_at = time.monotonic() + LOOK_AGAIN_SECONDS
        state = self._files.state()
        age = time.time() - max(each[-1] for each in state) / 1e9
        if state == self._state or 0 <= age < SETTLE_SECONDS:
            return
        self._state = state
        try:
            self._use()
        except (OSError, ValueError) as error:
            logger.error("The new TLS files are unusable, so the old ones stay in use: %s", error)
        else:
            logger.info("The new TLS files are in use.")

    def _use(self) -> None:
        expiry = self._files.own().not_valid_after_utc.timestamp()
        self._context = self._files.context(self._protocol)
        self._expiry = expiry
        EXPIRY.set(expiry)


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return (0,)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _no_password() -> str:
    # Otherwise OpenSSL would prompt on the terminal.
    raise ValueError("the key is encrypted; store it without a passphrase")
