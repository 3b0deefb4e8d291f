"""A real PostgreSQL for tests: one server a session, one fresh, migrated database a test.

Use it by importing the fixtures into a ``conftest.py``: ``from tests.postgres_fixture import database_url, postgres``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from gateway.embedded.account import postgres_account
from gateway.embedded.child import launch_argv
from gateway.embedded.postgres import programs
from gateway.storage.database import connect, migrate
from tests.ports import free_port

TEMPLATE = "migrated"
_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_numbers = count(1)

# Nothing here survives the tests, so nothing need be safe from power loss.
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 60
jit = off
"""


class PostgresForTests:
    """A running server that makes databases."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster, start it, and migrate the template that all databases are copied from."""
        data, bin_dir = self._folder / "data", programs() / "bin"
        account = postgres_account([bin_dir / "postgres", self._folder])
        data.mkdir()
        if account is not None:
            os.chown(data, account.uid, account.gid)
        initdb = (
            str(bin_dir / "initdb"),
            "-D",
            str(data),
            "-U",
            "postgres",
            "--auth",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        )
        argv = launch_argv((*initdb, "--no-sync"), signal.SIGTERM, account)
        subprocess.run(
            argv, check=True, capture_output=True, env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ["PATH"]}
        )
        with (data / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION.format(port=self._port))
        argv = launch_argv((str(bin_dir / "postgres"), "-D", str(data)), signal.SIGINT, account)
        with (self._folder / "postgres.log").open("wb") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, env={"LC_ALL": "C", "TZ": "UTC"})
        self._wait()
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        engine = connect(self.url(TEMPLATE))
        migrate(engine)
        engine.dispose()

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{name}"

    def fresh(self) -> str:
        """A new database with the schema and nothing in it; its name."""
        name = f"t{next(_numbers)}"
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(host="127.0.0.1", port=self._port, user="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def _wait(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(host="127.0.0.1", port=self._port, user="postgres", connect_timeout=1).close()
                return
            except psycopg.OperationalError:
                ended = self._process is not None and self._process.poll() is not None
                if ended or time.monotonic() > end:
                    sys.stderr.write((self._folder / "postgres.log").read_text())
                    raise
                time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresForTests]:
    """The session's server."""
    folder = Path(tempfile.mkdtemp(prefix="kizashi-test-"))
    folder.chmod(0o755)
    server = PostgresForTests(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres: PostgresForTests) -> Iterator[str]:
    """A fresh database for one test, as SQLAlchemy wants it."""
    name = postgres.fresh()
    try:
        yield postgres.url(name)
    finally:
        postgres.drop(name)
