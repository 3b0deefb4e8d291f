"""``kizashi rules explain`` where it can't answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIZASHI_DATA_DIR", str(tmp_path / "data"))


def explain(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", "explain", *arguments])
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


def test_where_nothing_runs_one_line_says_what_to_do(tmp_path: Path) -> None:
    code, output = explain("warm", "--device", "chiller-1")
    assert code == 1
    assert "kizashi serve" in output
    assert "Traceback" not in output


def test_a_database_that_does_not_answer_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("KIZASHI_LOG__URL", "nats://127.0.0.1:1")
    monkeypatch.setattr("gateway.commands.rules_explain.LOG_SECONDS", 0.5)
    code, output = explain("warm", "--device", "chiller-1")
    assert code == 1
    assert "is `kizashi serve` running?" in output


@pytest.mark.parametrize("at", ["yesterday", "2 ago", "2999-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_wrong_usage_with_its_mend(at: str) -> None:
    code, output = explain("warm", "--device", "chiller-1", "--at", at)
    assert code == 2
    assert "--at" in output
    assert "write it like" in output or "write 2" in output


def test_a_device_has_to_be_named() -> None:
    assert explain("warm")[0] == 2
