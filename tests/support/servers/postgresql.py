"""PostgreSQL for the tests."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from . import docker
from .database import Database, Given, Runner
from .processes import Process, free_port, unprivileged

VARIABLE = "TEST_POSTGRESQL_URL"
REMEDY = (
    f"no PostgreSQL: install it (Debian: postgresql), start Docker, or set {VARIABLE}"
    " to postgresql://user:password@host:port/postgres of one where databases may be made"
)


@contextmanager
def postgresql() -> Iterator[Database]:
    """Run a PostgreSQL server."""
    port = free_port()
    ours = f"postgresql://test:test@127.0.0.1:{port}/postgres"
    if url := os.environ.get(VARIABLE):
        yield _database(url, Given(VARIABLE))
    elif programs := _programs():
        with _local(programs, port) as process, _database(ours, process).running() as database:
            yield database
    else:
        environment = {f"POSTGRES_{name}": "test" for name in ("USER", "PASSWORD", "DB")}
        with (
            docker.server("postgres:17", f"{port}:5432", environment, REMEDY) as container,
            _database(ours, container).running() as database,
        ):
            yield database


def _database(url: str, runner: Runner) -> Database:
    return Database(url, runner, _execute, drop="DROP DATABASE {} WITH (FORCE)")


def _programs() -> Path | None:
    """Return the folder of this machine's newest `postgres`, which Debian keeps off PATH."""
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def _local(programs: Path, port: int) -> Iterator[Process]:
    user = unprivileged("postgres")
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        data, password = Path(folder, "data"), Path(folder, "password")
        password.write_text("test")
        if user:
            shutil.chown(folder, user)
            shutil.chown(password, user)
        subprocess.run(
            [
                programs / "initdb",
                *("--pgdata", data, "--username", "test", "--pwfile", password),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            user=user,
            check=True,
            capture_output=True,
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": folder,
            "fsync": "off",
        }
        yield Process(
            [
                str(programs / "postgres"),
                *("-D", str(data)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            log=Path(folder, "log"),
            user=user,
            stop_signal=signal.SIGINT,  # does not wait for clients to disconnect
        )


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
        connection.execute(statement.encode())
