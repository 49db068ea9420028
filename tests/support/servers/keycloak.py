"""Keycloak for the tests: a realm that is configured through its API, as by an operator."""

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from tests.support.tools import kept, run

from . import MissingServerError
from .processes import Process, free_port

VERSION = "26.7.3"
REMEDY = "no Java for Keycloak: install it, and Maven (Debian: openjdk-17-jre-headless, maven)"
SECRET = "development-only"
USER = "alice"

_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_OPEN = ("java.util", "java.util.concurrent", "java.security", "java.lang")
_ADMIN = "admin"
_START_SECONDS = 300  # on a busy machine; otherwise 20


class Keycloak:
    """A realm without clients, and without persistence.

    Attributes:
        name: the issuer that services trust.
    """

    def __init__(self, folder: Path, installed: Path) -> None:
        # A separate home for files that it writes; the rest stays where it was installed.
        for name in ("conf", "lib", "providers", "themes"):
            (folder / name).symlink_to(installed / name)
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._realm = "shop"
        self.name = f"{self._url}/realms/{self._realm}"
        first = {"USERNAME": _ADMIN, "PASSWORD": SECRET}
        self.process = Process(
            [
                *("env", *(f"KC_BOOTSTRAP_ADMIN_{name}={value}" for name, value in first.items())),
                *_java(folder, installed, "start", "--optimized", f"--hostname={self._url}"),
                *("--http-enabled=true", "--http-host=127.0.0.1", f"--http-port={port}"),
            ],
            log=folder / "log",
        )

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a service that trusts it and requests tokens."""
        return {"AUTH_ISSUER": self.name, "AUTH_TOKEN_PARAMETERS": "scope={scope}"}

    def client(self, service: str) -> dict[str, str]:
        """Return the settings of a service that is its client."""
        return {"AUTH_CLIENT_ID": service, "AUTH_CLIENT_SECRET": SECRET}

    def start(self) -> None:
        """Start it, wait until it responds, and create the realm."""
        self.process.start()
        self.process.wait_until(self._answers, "Keycloak", seconds=_START_SECONDS)
        self.ask("POST", "", {"realm": self._realm, "enabled": True, "eventsEnabled": True})

    def add_scope(self, scope: str, audience: str) -> None:
        """Add a client scope whose mapper adds the audience to its tokens."""
        mapper = {
            "name": "audience",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": audience, "access.token.claim": "true"},
        }
        made = {"name": scope, "protocol": "openid-connect", "protocolMappers": [mapper]}
        self.ask("POST", f"/{self._realm}/client-scopes", made)

    def add_client(self, name: str, *scopes: str, **settings: Any) -> None:
        """Add a client with a service account and these optional client scopes."""
        given = {"clientId": name, "secret": SECRET, "serviceAccountsEnabled": True, **settings}
        self.ask("POST", f"/{self._realm}/clients", given)
        (client,) = self.ask("GET", f"/{self._realm}/clients?clientId={name}")
        for scope in self.ask("GET", f"/{self._realm}/client-scopes"):
            if scope["name"] in scopes:
                path = f"/clients/{client['id']}/optional-client-scopes/{scope['id']}"
                self.ask("PUT", f"/{self._realm}{path}")

    def add_user(self) -> None:
        """Add a user who can log in."""
        names = {"firstName": "Alice", "lastName": "Example", "email": "alice@example.org"}
        password = {"type": "password", "value": SECRET, "temporary": False}
        user = {"username": USER, "enabled": True, **names, "credentials": [password]}
        self.ask("POST", f"/{self._realm}/users", user)

    def add_key(self) -> None:
        """Sign with a new key from now on; the old one is still published."""
        priority = _priority(self._keys()[-1]) + 1
        kind = {"providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider"}
        key = {"name": f"rsa-{priority}", **kind, "config": {"priority": [str(priority)]}}
        self.ask("POST", f"/{self._realm}/components", key)

    def withdraw_old_keys(self) -> None:
        """Publish only the key that signs."""
        for key in self._keys()[:-1]:
            self.ask("DELETE", f"/{self._realm}/components/{key['id']}")

    def token(
        self,
        *,
        aud: str = "",  # noqa: ARG002 (its scopes say for whom it is)
        scope: str,
        client: str = "developer",
    ) -> str:
        """Return a token of one of its clients."""
        return self.tokens(client, grant_type="client_credentials", scope=scope)["access_token"]

    def grants(self, client: str) -> int:
        """Return the number of tokens that a client got by client credentials."""
        query = f"type=CLIENT_LOGIN&client={client}&max=1000"
        return len(self.ask("GET", f"/{self._realm}/events?{query}"))

    def login(self, client: str, scope: str) -> dict[str, str]:
        """Return the tokens that a client gets for a user: `access_token`, `id_token` and so on."""
        user = {"username": USER, "password": SECRET}
        return self.tokens(client, grant_type="password", scope=f"openid {scope}", **user)

    def tokens(self, client: str, **form: str) -> dict[str, str]:
        """Request tokens as one of the realm's clients, and return them."""
        pair = base64.b64encode(f"{client}:{SECRET}".encode()).decode()
        given: dict[str, str] = _tokens(self.name, form, {"Authorization": f"Basic {pair}"})
        return given

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to the admin API, and return the response."""
        # Tokens are valid for a minute, so each request fetches one.
        password = {"grant_type": "password", "username": _ADMIN, "password": SECRET}
        admin = _tokens(f"{self._url}/realms/master", {"client_id": "admin-cli", **password})
        headers = {
            "Authorization": f"Bearer {admin['access_token']}",
            "Content-Type": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._url}/admin/realms{quote(path, safe='/?=&')}"
        with urlopen(Request(url, data, headers, method=method), timeout=60) as answer:
            content = answer.read()
            return json.loads(content) if content else None

    def _keys(self) -> list[Any]:
        found = self.ask("GET", f"/{self._realm}/components?type=org.keycloak.keys.KeyProvider")
        keys = [key for key in found if key["providerId"] == "rsa-generated"]
        return sorted(keys, key=_priority)

    def _answers(self) -> bool:
        with suppress(OSError), urlopen(f"{self._url}/realms/master", timeout=5):
            return True
        return False


@contextmanager
def keycloak() -> Iterator[Keycloak]:
    """Run Keycloak inside the context."""
    with tempfile.TemporaryDirectory(prefix="keycloak-") as scratch:
        folder = Path(scratch)
        server = Keycloak(folder, installed())
        try:
            server.start()
            yield server
        finally:
            server.process.kill()


def installed() -> Path:
    """Return the folder of the server, built for a database in memory.

    Raises:
        MissingServerError: Java or Maven is missing, or the installation failed.
    """
    if not shutil.which("java"):
        raise MissingServerError(REMEDY)

    def install(folder: Path) -> None:
        options = (f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={folder}")
        run("mvn", "--batch-mode", "--quiet", _COPY, *options, needed_by="Keycloak")
        (archive,) = folder.iterdir()
        shutil.unpack_archive(archive, folder)
        archive.unlink()
        (home,) = folder.iterdir()
        for each in tuple(home.iterdir()):
            each.rename(folder / each.name)
        home.rmdir()
        run(*_java(folder, folder, "build", "--db=dev-mem", "--cache=local"), needed_by="Keycloak")

    return kept(f"keycloak-{VERSION}", install)


def _java(home: Path, installed: Path, *command: str) -> Sequence[str]:
    # The command of kc.sh, which itself would leave a process behind if killed.
    return [
        *("java", "-Xmx512m", *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPEN)),
        *(f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home / 'conf'}"),
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        "-Dpicocli.disable.closures=true",
        *("-cp", str(installed / "lib/quarkus-run.jar")),
        *("io.quarkus.bootstrap.runner.QuarkusEntryPoint", *command),
    ]


def _priority(key: Any) -> int:
    return int(key["config"]["priority"][0])


def _tokens(issuer: str, form: dict[str, str], headers: dict[str, str] | None = None) -> Any:
    url = f"{issuer}/protocol/openid-connect/token"
    with urlopen(Request(url, urlencode(form).encode(), headers or {}), timeout=60) as answer:
        return json.load(answer)
