"""``kizashi export``, ``erase`` and ``retention`` on a database with people in it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.commands import customer_data
from gateway.retention import chore
from gateway.storage import chores
from tests.api_fixture import engine
from tests.unit.gateway.retention import past
from tests.unit.gateway.retention.past import count, dumped

__all__ = ["engine"]

CANARY = "901177553311"


@pytest.fixture(autouse=True)
def _here(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIZASHI_DATABASE__URL", database_url)
    monkeypatch.setenv("KIZASHI_LOG__URL", "nats://127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(customer_data, "LOG_SECONDS", 0.2)
    with engine.begin() as connection:
        past.everything(connection, "aiko", CANARY)


def kizashi(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def test_an_export_is_json_on_stdout() -> None:
    command = [sys.executable, "-m", "gateway.cli", "export", "aiko"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["customer"]["name"] == CANARY, "whatever is logged meanwhile is not there"


def test_an_export_without_the_event_log_says_so(tmp_path: Path) -> None:
    done = kizashi("export", "aiko", "--output", "aiko.json")
    assert done.exit_code == 0
    about = json.loads((tmp_path / "aiko.json").read_text())["event_log"]
    assert not about["complete"]
    assert (
        "kept in the event log for 7 days, then deleted. Not all of it is here: the log can't be read" in about["note"]
    )
    assert "not everything that devices said is in it: the log can't be read" in done.stderr


def test_an_export_in_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    done = kizashi("export", "aiko", "--output", "aiko.json")
    assert done.exit_code == 0
    file = tmp_path / "aiko.json"
    assert json.loads(file.read_text())["timeline"][0]["summary"] == CANARY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert CANARY not in done.output


def test_a_file_that_can_not_be_written_is_named() -> None:
    done = kizashi("export", "aiko", "--output", "nowhere/aiko.json")
    assert done.exit_code == 1
    assert "nowhere/aiko.json can't be written: No such file" in done.stderr


@pytest.mark.parametrize("command", [("export", "nobody"), ("erase", "nobody", "--yes")])
def test_nobody_is_said_to_be_nobody(command: tuple[str, ...]) -> None:
    done = kizashi(*command)
    assert done.exit_code == 1
    assert "nothing is on record of a customer nobody" in done.stderr


def test_erasing_asks_first(engine: Engine) -> None:
    asked = kizashi("erase", "aiko", typed="n\n")
    assert asked.exit_code == 1
    with engine.connect() as connection:
        assert CANARY in dumped(connection)
    assert kizashi("erase", "aiko", typed="y\n").exit_code == 0
    with engine.connect() as connection:
        assert CANARY not in dumped(connection)


def test_with_yes_it_does_not_ask(engine: Engine) -> None:
    done = kizashi("erase", "aiko", "--yes")
    assert done.exit_code == 0
    assert "aiko is erased (rows: 10" in done.stdout
    with engine.connect() as connection:
        assert count(connection, "customers") == 0


def test_retention_says_what_would_go_and_leaves_it(engine: Engine) -> None:
    with engine.begin() as connection:
        past.entry(connection, "old", 800)
    done = kizashi("retention", "--dry-run")
    assert done.exit_code == 0
    assert "timeline entries 730d 1 " in " ".join(done.stdout.split())
    assert f"{past.ago(800):%Y-%m-%d}" in done.stdout
    with engine.connect() as connection:
        assert count(connection, "timeline") == 2
        assert chores.last(connection, chore.CHORE) is None


def test_retention_deletes_and_says_what_went(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_RETENTION__TIMELINE", "20d")
    with engine.begin() as connection:
        past.entry(connection, "old", 21)
    done = kizashi("retention")
    assert done.exit_code == 0
    assert "timeline entries 20d 1 " in " ".join(done.stdout.split())
    with engine.connect() as connection:
        assert count(connection, "timeline") == 1
        assert chores.last(connection, chore.CHORE) is not None


def test_while_another_process_deletes_it_says_so(engine: Engine) -> None:
    with engine.connect() as other, chores.alone(other, chore.CHORE):
        done = kizashi("retention")
    assert done.exit_code == 1
    assert "another process is deleting" in done.stderr
