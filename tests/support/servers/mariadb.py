"""MariaDB for the tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pymysql

from . import docker
from .database import Database, Given
from .processes import Process, free_port, unprivileged

VARIABLE = "TEST_MARIADB_URL"
REMEDY = (
    f"no MariaDB: install it (Debian: mariadb-server), start Docker, or set {VARIABLE}"
    " to mysql://user:password@host:port/ of one where databases may be made"
)
# Run at every start, one statement per line.
USER = "CREATE USER IF NOT EXISTS test IDENTIFIED BY 'test';\nGRANT ALL ON *.* TO test;\n"


@contextmanager
def mariadb() -> Iterator[Database]:
    """Run a MariaDB server."""
    port = free_port()
    ours = f"mysql://test:test@127.0.0.1:{port}/"
    if url := os.environ.get(VARIABLE):
        yield Database(url, Given(VARIABLE), _execute)
    elif program := shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin"):
        with _local(program, port) as process, Database(ours, process, _execute).running() as it:
            yield it
    else:
        ours = f"mysql://root:test@127.0.0.1:{port}/"
        environment = {"MARIADB_ROOT_PASSWORD": "test"}
        with (
            docker.server("mariadb:11.4", f"{port}:3306", environment, REMEDY) as container,
            Database(ours, container, _execute).running() as it,
        ):
            yield it


@contextmanager
def _local(program: str, port: int) -> Iterator[Process]:
    user = unprivileged("mysql")
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder:
        data, init = Path(folder, "data"), Path(folder, "init.sql")
        init.write_text(USER)
        if user:
            shutil.chown(folder, user)
            shutil.chown(init, user)
        subprocess.run(
            [
                *("mariadb-install-db", "--no-defaults", f"--datadir={data}"),
                *("--skip-test-db", "--auth-root-authentication-method=normal"),
            ],
            user=user,
            check=True,
            capture_output=True,
        )
        yield Process(
            [
                *(program, "--no-defaults", f"--datadir={data}", f"--init-file={init}"),
                *("--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/socket"),
                *(f"--pid-file={folder}/pid", "--skip-name-resolve"),
                "--innodb-flush-log-at-trx-commit=0",
            ],
            log=Path(folder, "log"),
            user=user,
        )


def _execute(url: str, statement: str) -> None:
    parts = urlsplit(url)
    with pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        connect_timeout=2,
    ) as connection:
        connection.cursor().execute(statement)
