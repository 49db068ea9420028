"""The second listener: the same application over mutual TLS, in threads of each worker process.

granian passes no client certificate to the application, so cheroot serves here, with four changes:
the TLS handshake is non-blocking, so a silent client cannot stall others; no connection is kept
while the process drains, nor after a request whose body cheroot does not read to its end; and a
client that disconnects before its response is not logged as a warning.
"""

import logging
import ssl
import threading
from typing import Any

from cheroot import errors, wsgi
from cheroot.makefile import MakeFile
from cheroot.ssl import Adapter
from cryptography import x509
from flask import Flask

from ..inbound import SPARE_THREADS, LoadSheddingSettings, ServerSettings
from ..lifecycle import lifecycle
from ..settings import Settings
from . import spiffe
from .certificates import ReloadingContext
from .request_heads import Connection
from .settings import MtlsSettings

# WSGI variable with the client's identity: a SpiffeId, or the reason why there is none.
CLIENT = "tls.client"
_IDLE_SECONDS, _STALLED_SECONDS = 75, 10
_MAX_HEADER_BYTES = 64 * 1024
_MAX_UNREAD_BYTES = 64 * 1024

# Ignored like EPIPE, its equivalent without TLS.
errors.socket_errors_to_ignore.append(ssl.SSL_ERROR_EOF)

logger = logging.getLogger(__name__)


class Listener(wsgi.Server):
    """Serves an application to clients with a certificate of one of our authorities."""

    ConnectionClass = Connection
    max_request_header_size = _MAX_HEADER_BYTES
    expiration_interval = 0.1  # seconds; bounds how long stopping takes

    def __init__(self, app: Flask, settings: Settings) -> None:
        tls, server = settings[MtlsSettings], settings[ServerSettings]
        concurrency = settings[LoadSheddingSettings]
        super().__init__(
            (server.host, tls.port),
            app,
            numthreads=concurrency.threads + concurrency.queue + SPARE_THREADS,
            server_name="tls",
            request_queue_size=1024,
            timeout=_IDLE_SECONDS,
            shutdown_timeout=server.grace_seconds,
            reuse_port=True,  # every worker process has a listener of its own
        )
        self.gateway = _Gateway
        # The application has the exact limit; cheroot counts whole chunks.
        self.max_request_body_size = 16 * app.config["MAX_CONTENT_LENGTH"]
        self.context = ReloadingContext(tls.files, ssl.PROTOCOL_TLS_SERVER)
        self.ssl_adapter = _Adapter(self.context)
        self._life = lifecycle(app)

    def open(self) -> None:
        """Serve in the background until the process stops."""
        self.prepare()
        threading.Thread(target=self.serve, name="tls", daemon=True).start()
        # Registered after the adapters, so it stops before them: requests still need them.
        self._life.at_stop.append(self.stop)
        logger.info("Mutual TLS on port %s", self.bind_addr[1])

    def process_conn(self, conn: Any) -> None:
        """Pass a connection to a thread once its handshake is done and it has sent data."""
        if conn.ssl_env:
            super().process_conn(conn)
            return
        try:
            conn.socket.settimeout(0)
            conn.socket.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self.put_conn(conn)
        except (ssl.SSLEOFError, ConnectionError):
            conn.close()  # port scans and health checks disconnect like this
        except OSError as error:
            logger.info("The TLS handshake failed: %s", error, extra={"client": conn.remote_addr})
            conn.close()
        else:
            conn.socket.settimeout(_STALLED_SECONDS)
            conn.ssl_env = {"wsgi.url_scheme": "https", CLIENT: _client(conn.socket)}
            self.put_conn(conn)

    @property
    def can_add_keepalive_connection(self) -> bool:
        """Return whether a connection may stay open after its response."""
        return self.ready and not self._life.draining

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Log a message of cheroot."""
        logger.log(level, msg, exc_info=traceback)


class _Gateway(wsgi.Gateway_10):
    """Passes requests to the application."""

    def start_response(self, *arguments: Any) -> Any:
        """Start the response; an unread rest of this request must not be parsed as the next one."""
        # cheroot reads the rest of a body into memory, but not of a chunked one.
        chunked = b"Transfer-Encoding" in self.req.inheaders
        rest = chunked or self.req.rfile.remaining > _MAX_UNREAD_BYTES
        self.req.close_connection |= rest
        return super().start_response(*arguments)


class _Adapter(Adapter):
    """Wraps connections in TLS, each with the current files."""

    def __init__(self, context: ReloadingContext) -> None:
        self._context = context

    def bind(self, sock: Any) -> Any:
        """Return the listening socket unchanged."""
        return sock

    def wrap(self, sock: Any) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        """Wrap a connection; the handshake comes later."""
        context = self._context.current()
        try:
            return context.wrap_socket(sock, True, do_handshake_on_connect=False), {}
        except OSError as error:  # it is closed already
            raise errors.FatalSSLAlert(*error.args) from error

    def get_environ(self) -> dict[str, Any]:
        """Add nothing."""
        return {}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> Any:
        """Return the file that a connection is read from, or written to."""
        return MakeFile(sock, mode, bufsize)


def _client(sock: ssl.SSLSocket) -> spiffe.SpiffeId | spiffe.NotSpiffe:
    presented = sock.getpeercert(binary_form=True) or b""
    try:
        return spiffe.read(x509.load_der_x509_certificate(presented))
    except ValueError as error:
        return spiffe.NotSpiffe(str(error))
