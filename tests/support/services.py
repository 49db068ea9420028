"""Several rendered services that call each other and share one installation of dependencies."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.issuer import Issuer
from tests.support.rendering import render
from tests.support.running import Project, Service
from tests.support.servers.keycloak import Keycloak
from tests.support.servers.oidc import IdentityProvider
from tests.support.verbs import make

Provider = IdentityProvider | Keycloak

# Installs an additional view in the application factory, as a team would.
_INSTALL = """    from .api import {module}

    {module}.install(app, adapters)
    return app
"""


class Fleet:
    """Renders services into a folder and runs them, each on its own embedded database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first: Project | None = None

    def render(self, name: str, **answers: str) -> Project:
        """Return a rendered service; the first one installs the packages for all."""
        given = {"service_name": name, "workspace": "", **answers}
        project = Project(render(self._folder, **given))
        if self._first is None:
            make(project.folder, ".venv/.synced")
            self._first = project
        else:
            (project.folder / ".venv").symlink_to(self._first.folder / ".venv")
        return project

    @contextmanager
    def process(
        self, project: Project, issuer: Issuer | Provider, /, **environment: str
    ) -> Iterator[Service]:
        """Start a service without waiting, and kill it at the end."""
        scratch = self._folder / f"{project.package}-{environment.get('INSTANCE', '1')}"
        scratch.mkdir(exist_ok=True)
        if "DATABASE_URL" in environment:
            _migrate(project, environment["DATABASE_URL"])
        else:
            environment["DATABASE_URL"] = self._embedded(project, scratch)
        given = {
            "PYTHONPATH": str(project.folder / "src"),
            "SHUTDOWN_DRAIN_SECONDS": "1",
            **issuer.environment,
            "AUTH_AUDIENCE": project.folder.name,
            **environment,
        }
        token = issuer.token(aud=project.folder.name, scope=scopes(project))
        service = Service(project, scratch, given, token)
        try:
            service.start()
            yield service
        finally:
            service.kill()

    def _embedded(self, project: Project, scratch: Path) -> str:
        """Return the database of an instance, a copy of one that is migrated once."""
        first, own = self._folder / f"{project.package}.db", scratch / "database.db"
        if not first.exists():
            _migrate(project, f"sqlite:///{first}")
        if not own.exists():
            shutil.copy(first, own)
        return f"sqlite:///{own}"

    @contextmanager
    def serve(
        self, project: Project, issuer: Issuer | Provider, /, **environment: str
    ) -> Iterator[Service]:
        """Start a service and wait until it is ready."""
        with self.process(project, issuer, **environment) as service:
            service.wait_until_ready()
            yield service


def _migrate(project: Project, url: str) -> None:
    source = str(project.folder / "src")
    command = ("-m", project.package, "migrate")
    project.python(*command, environment={"DATABASE_URL": url, "PYTHONPATH": source})


def scopes(project: Project) -> str:
    """Return all scopes of a service, which are named after its resource's path."""
    paths = json.loads((project.folder / "openapi.json").read_text())["paths"]
    name = min(paths).rpartition("/")[2]
    return f"{name}:read {name}:write"


def add_view(project: Project, module: str, text: str) -> None:
    """Add a module to a service's API, whose `install(app, adapters)` adds views."""
    package = project.folder / "src" / project.package
    (package / "api" / f"{module}.py").write_text(text)
    app = package / "app.py"
    before, returned, after = app.read_text().rpartition("    return app\n")
    assert returned
    app.write_text(before + _INSTALL.format(module=module) + after)
