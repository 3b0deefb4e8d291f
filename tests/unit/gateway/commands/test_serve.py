"""One role on its own, where it can't start: a line that says why, exit 1, no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import UndefinedTable
from sqlalchemy.exc import OperationalError, ProgrammingError
from typer.testing import CliRunner

from gateway import roles
from gateway.cli import app

NOBODY = {"KIZASHI_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none", "KIZASHI_LOG__URL": "nats://127.0.0.1:1"}


def serve(role: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "serve", "--role", role],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        timeout=60,
    )


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        bind = f"127.0.0.1:{holder.getsockname()[1]}"
        done = serve("api", tmp_path, **NOBODY, KIZASHI_HTTP__BIND=bind)
    assert done.returncode == 1
    assert bind in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stack_that_is_nowhere_is_one_line(tmp_path: Path) -> None:
    done = serve("worker", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "kizashi serve" in done.stderr


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OperationalError("", {}, psycopg.OperationalError("refused\nIs it running?")),
            "(refused): look at database.url",
        ),
        (ProgrammingError("", {}, UndefinedTable('relation "x" does not exist')), "run `kizashi migrate` first"),
    ],
)
def test_a_database_that_is_away_or_was_not_migrated_is_one_line(
    error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def role(*_: object) -> None:
        raise error

    for name, value in NOBODY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(roles.ROLES, "worker", role)
    done = CliRunner().invoke(app, ["serve", "--role", "worker"])
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert says in done.stderr
