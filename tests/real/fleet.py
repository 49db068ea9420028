"""Several rendered services that call each other, all on one installation of what they need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.issuer import Issuer
from tests.real.running import Project, Service
from tests.real.servers.oidc import IdentityProvider
from tests.real.verbs import make
from tests.rendering import render

# A view as somebody adds one: beside the others, installed where the application is put together.
_INSTALL = """    from .api import {module}

    {module}.install(app, adapters)
    return app
"""


class Fleet:
    """Renders services into a folder and runs them, each on an embedded database of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first: Project | None = None

    def render(self, name: str, **answers: str) -> Project:
        """Render a service; the first one brings the packages, so let it be the one with most."""
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
        self, project: Project, issuer: Issuer | IdentityProvider, /, **environment: str
    ) -> Iterator[Service]:
        """Start a service, wait for nothing, and see to it that it is gone afterwards."""
        scratch = self._folder / f"{project.package}-{environment.get('INSTANCE', '1')}"
        scratch.mkdir(exist_ok=True)
        given = {
            "DATABASE_URL": f"sqlite:///{scratch}/database.db",
            "PYTHONPATH": str(project.folder / "src"),
            "SHUTDOWN_DRAIN_SECONDS": "1",
            **issuer.environment,
            "AUTH_AUDIENCE": project.folder.name,
            **environment,
        }
        command = ("-c", "from alembic.config import main; main(['upgrade', 'head'])")
        project.python(*command, environment=given)
        token = issuer.token(aud=project.folder.name, scope=scopes(project))
        service = Service(project, scratch, given, token)
        try:
            service.start()
            yield service
        finally:
            service.kill()

    @contextmanager
    def serve(
        self, project: Project, issuer: Issuer | IdentityProvider, /, **environment: str
    ) -> Iterator[Service]:
        """Start a service and wait until it is ready."""
        with self.process(project, issuer, **environment) as service:
            service.wait_until_ready()
            yield service


def scopes(project: Project) -> str:
    """Give the scopes of a service whose resource is named after it."""
    name = project.package
    return f"{name}s:read {name}s:write"


def add_view(project: Project, module: str, text: str) -> None:
    """Add a module to a service's API, whose `install(app, adapters)` adds views."""
    package = project.folder / "src" / project.package
    (package / "api" / f"{module}.py").write_text(text)
    app = package / "app.py"
    before, returned, after = app.read_text().rpartition("    return app\n")
    assert returned
    app.write_text(before + _INSTALL.format(module=module) + after)
