"""What ``kizashi doctor`` says of retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.doctor_retention import judge
from gateway.retention.chore import CHORE
from gateway.storage import chores, secrets
from tests.api_fixture import engine

__all__ = ["engine"]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def done(engine: Engine, at: datetime) -> None:
    with engine.begin() as connection:
        chores.done(connection, CHORE, at, {})


def a_worker_runs(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO partitions (partition, seq, shared, clock) VALUES (0, 1, '', 0)"))
        worker = "INSERT INTO workers (id, backend_pid, process_id, partitions) VALUES ('w', 1, 1, '[0]')"
        connection.execute(text(worker))


def judged(engine: Engine, now: datetime = NOW) -> tuple[bool | None, str]:
    with engine.connect() as connection:
        return judge(connection, now)


def test_what_was_done_within_two_days_is_in_order(engine: Engine) -> None:
    a_worker_runs(engine)
    done(engine, NOW - 2 * DAY)
    assert judged(engine) == (True, "last done at 2026-11-20 12:00 UTC")


def test_over_two_days_ago_is_wrong_while_a_worker_runs_and_no_matter_while_none_does(engine: Engine) -> None:
    done(engine, NOW - 2 * DAY - timedelta(seconds=1))
    assert judged(engine) == (None, "last done at 2026-11-20 11:59 UTC")
    a_worker_runs(engine)
    ok, said = judged(engine)
    assert ok is False
    assert said.startswith("last done at 2026-11-20 11:59 UTC; an api process does it")


def test_never_is_wrong_two_days_after_the_first_start(engine: Engine) -> None:
    a_worker_runs(engine)
    assert judged(engine) == (None, "never done yet")
    with engine.begin() as connection:
        secrets.shared(connection, "console")
        connection.execute(text("UPDATE secrets SET created_at = :at"), {"at": NOW - DAY})
    assert judged(engine) == (None, "never done yet")
    ok, said = judged(engine, NOW + 2 * DAY)
    assert ok is False
    assert said.startswith("never done yet; an api process does it")


def test_doctor_prints_it(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done(engine, datetime.now(UTC))
    environ = {"KIZASHI_DATABASE__URL": database_url, "KIZASHI_LOG__URL": "nats://127.0.0.1:1", "COLUMNS": "200"}
    said = CliRunner().invoke(app, ["doctor"], env=environ).output
    line = next(line for line in said.splitlines() if " retention " in line)
    assert "✓" in line
    assert "last done at" in line
