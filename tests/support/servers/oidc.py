"""The workspace's identity provider, run by Node.js from the template's files."""

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.support.rendering import TEMPLATE
from tests.support.tools import kept, run

from . import MissingServerError
from .processes import Process, free_port

FOLDER = TEMPLATE / "fleet" / "parts" / "identity"
REMEDY = "no Node.js for the identity provider: install it (Debian: nodejs, npm)"
SECRET = "development-only"


class IdentityProvider:
    """Issues tokens to the registered services and to "developer" while it runs.

    It creates new keys at each start.

    Attributes:
        name: the issuer that services trust.
    """

    def __init__(self, folder: Path, token_seconds: int) -> None:
        port = free_port()
        self.name = f"http://127.0.0.1:{port}"
        self._registry = folder / "services.yaml"
        self._log = folder / "log"
        environment = {
            "ISSUER": self.name,
            "PORT": str(port),
            "REGISTRY": str(self._registry),
            "TOKEN_SECONDS": str(token_seconds),
        }
        given = (f"{name}={value}" for name, value in environment.items())
        self._process = Process(["env", *given, "node", str(folder / "server.mjs")], log=self._log)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a service that trusts it; everything else is in its metadata."""
        return {"AUTH_ISSUER": self.name}

    def client(self, service: str) -> dict[str, str]:
        """Return the settings of a service that is its client."""
        return {"AUTH_CLIENT_ID": service, "AUTH_CLIENT_SECRET": SECRET}

    def register(self, *services: str) -> None:
        """Replace its clients."""
        self._registry.write_text(json.dumps({"services": {name: {} for name in services}}))

    def start(self) -> None:
        """Start it with new keys, and wait until it responds."""
        self._process.start()
        self._process.wait_until(self._answers, "the identity provider")

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()

    def grants(self, client: str, audience: str) -> int:
        """Return the number of tokens that a client got for a service."""
        return self._log.read_text().count(f"{client} for {audience}: ")

    def token(self, *, aud: str, scope: str, client: str = "developer") -> str:
        """Return a token of one of its clients."""
        form = {"grant_type": "client_credentials", "audience": aud, "scope": scope}
        pair = base64.b64encode(f"{client}:{SECRET}".encode()).decode()
        url, headers = f"{self.name}/token", {"Authorization": f"Basic {pair}"}
        with urlopen(Request(url, urlencode(form).encode(), headers), timeout=10) as answer:
            token: str = json.load(answer)["access_token"]
            return token

    def _answers(self) -> bool:
        with suppress(OSError), urlopen(f"{self.name}/jwks", timeout=5):
            return True
        return False


@contextmanager
def oidc(*services: str, token_seconds: int = 600) -> Iterator[IdentityProvider]:
    """Run an identity provider with these services as clients."""
    with tempfile.TemporaryDirectory(prefix="oidc-") as scratch:
        folder = Path(scratch)
        shutil.copy(FOLDER / "server.mjs", folder)
        (folder / "node_modules").symlink_to(installed() / "node_modules")
        provider = IdentityProvider(folder, token_seconds)
        provider.register(*services)
        try:
            provider.start()
            yield provider
        finally:
            provider.stop()


def installed() -> Path:
    """Return the folder of its packages.

    Raises:
        MissingServerError: Node.js is missing, or the installation failed.
    """
    if not shutil.which("node"):
        raise MissingServerError(REMEDY)
    needs = FOLDER / "package.json"

    def install(folder: Path) -> None:
        folder.mkdir()
        shutil.copy(needs, folder)
        options = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
        run("npm", "install", *options, "--prefix", folder, needed_by="the identity provider")

    return kept(f"identity-{sha256(needs.read_bytes()).hexdigest()[:12]}", install)
