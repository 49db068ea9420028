"""The second door: the same application over mutual TLS, in threads of each worker process.

granian gives no client's certificate to the application, so here cheroot serves. Of cheroot's own
ways four are changed: hands are shaken without a thread that waits, so whoever connects and says
nothing stops nobody; no connection is kept while the process drains; nor after a request whose
end cheroot does not see to; and nobody is warned of a client that did not wait for its answer.
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

# Where the application finds who is at the other end: a SpiffeId, or why there is none.
CLIENT = "tls.client"
_IDLE_SECONDS, _STALLED_SECONDS = 75, 10
_MAX_HEADER_BYTES = 64 * 1024
_MAX_UNREAD_BYTES = 64 * 1024

# As with EPIPE, which is what it is without TLS.
errors.socket_errors_to_ignore.append(ssl.SSL_ERROR_EOF)

logger = logging.getLogger(__name__)


class Listener(wsgi.Server):
    """Serves an application to clients whose certificate one of our authorities has signed."""

    ConnectionClass = Connection
    max_request_header_size = _MAX_HEADER_BYTES
    expiration_interval = 0.1  # seconds; it sees no sooner that it shall stop

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
        # The application itself refuses smaller ones, but cheroot takes in whole chunks.
        self.max_request_body_size = 16 * app.config["MAX_CONTENT_LENGTH"]
        self.context = ReloadingContext(tls.files, ssl.PROTOCOL_TLS_SERVER)
        self.ssl_adapter = _Adapter(self.context)
        self._life = lifecycle(app)

    def open(self) -> None:
        """Serve from now on, until the process stops."""
        self.prepare()
        threading.Thread(target=self.serve, name="tls", daemon=True).start()
        # After the adapters, so that it is closed before them: requests still need them.
        self._life.at_stop.append(self.stop)
        logger.info("Mutual TLS on port %s", self.bind_addr[1])

    def process_conn(self, conn: Any) -> None:
        """Give a connection to a thread, once the hands are shaken and it has sent something."""
        if conn.ssl_env:
            super().process_conn(conn)
            return
        try:
            conn.socket.settimeout(0)
            conn.socket.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self.put_conn(conn)
        except (ssl.SSLEOFError, ConnectionError):
            conn.close()  # gone without a word, as those who only look whether the port is open
        except OSError as error:
            logger.info("Refused at the handshake: %s", error, extra={"client": conn.remote_addr})
            conn.close()
        else:
            conn.socket.settimeout(_STALLED_SECONDS)
            conn.ssl_env = {"wsgi.url_scheme": "https", CLIENT: _client(conn.socket)}
            self.put_conn(conn)

    @property
    def can_add_keepalive_connection(self) -> bool:
        """Tell whether a connection may stay open after its answer."""
        return self.ready and not self._life.draining

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Log what cheroot has to say."""
        logger.log(level, msg, exc_info=traceback)


class _Gateway(wsgi.Gateway_10):
    """Hands requests to the application."""

    def start_response(self, *arguments: Any) -> Any:
        """Begin the response; let nothing that belongs to this request be taken for the next."""
        # cheroot reads the rest of a body into memory, but neither chunks nor what follows them.
        chunked = b"Transfer-Encoding" in self.req.inheaders
        rest = chunked or self.req.rfile.remaining > _MAX_UNREAD_BYTES
        self.req.close_connection |= rest
        return super().start_response(*arguments)


class _Adapter(Adapter):
    """Wraps connections in TLS, each with the files as they are then."""

    def __init__(self, context: ReloadingContext) -> None:
        self._context = context

    def bind(self, sock: Any) -> Any:
        """Listen as usual."""
        return sock

    def wrap(self, sock: Any) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        """Wrap a connection; its hands are shaken later."""
        context = self._context.current()
        try:
            return context.wrap_socket(sock, True, do_handshake_on_connect=False), {}
        except OSError as error:  # it has gone already
            raise errors.FatalSSLAlert(*error.args) from error

    def get_environ(self) -> dict[str, Any]:
        """Add nothing."""
        return {}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> Any:
        """Make the file that a connection is read from, or written to."""
        return MakeFile(sock, mode, bufsize)


def _client(sock: ssl.SSLSocket) -> spiffe.SpiffeId | spiffe.NotSpiffe:
    shown = sock.getpeercert(binary_form=True) or b""
    try:
        return spiffe.read(x509.load_der_x509_certificate(shown))
    except ValueError as error:
        return spiffe.NotSpiffe(str(error))
