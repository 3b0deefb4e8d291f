"""``kizashi rules backtest`` as its users see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.rules_backtest_report import sparkline
from rules.backtest import Tally

T0 = 1_770_000_000_000
MINUTE = 60_000
RULE = "rules: [{id: warm, for_devices: {model: chiller-*}, when: {metric: t, above: LIMIT}, severity: major}]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing runs: a rule, an older one, two hours of readings, and two devices."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.yaml").write_text(RULE.replace("LIMIT", "8"))
    (tmp_path / "old.yaml").write_text(RULE.replace("LIMIT", "9"))
    rows = ["ts,device_id,t"]
    for minute in range(120):
        for device, value in (
            ("chiller-1", 8.5 if minute % 40 == 20 else 5),
            ("chiller-2", 9.5 if minute > 100 else 5),
        ):
            rows.append(f"{T0 + minute * MINUTE},{device},{value}")
    (tmp_path / "past.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "devices.csv").write_text("id,model,owner\nchiller-1,chiller-x,tanaka\nchiller-2,chiller-x,\n")
    return tmp_path


def backtest(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", "backtest", *arguments], terminal_width=200, env={"COLUMNS": "200"})
    return result.exit_code, result.output


def row(output: str, rule: str = "warm") -> list[str]:
    return next(line.split() for line in output.splitlines() if line.startswith(rule + " "))


def test_says_what_would_have_fired_and_for_whom(folder: Path) -> None:
    code, output = backtest("new.yaml", "--input", "past.csv", "--devices", "devices.csv")
    assert code == 0, output
    assert "1 rule over 240 events, 2026-02-02 02:40:00 to 2026-02-02 04:39:00" in output
    assert row(output)[:4] == ["warm", "4", "2", "1"]
    assert "2026-02-02 03:00:00  chiller-1 for tanaka  t 8.5 is above 8 on chiller-1" in output
    assert "most on: chiller-1 (3), chiller-2 (1)" in output
    assert "no live rules to compare with" in output


def test_says_what_another_rule_would_have_done_otherwise(folder: Path) -> None:
    code, output = backtest("new.yaml", "--input", "past.csv", "--devices", "devices.csv", "--against", "old.yaml")
    assert code == 0, output
    assert row(output) == ["warm", "4", "2", "1", "1", "3"]
    assert "new     2026-02-02 03:00:00  chiller-1 for tanaka" in output
    assert "fires on, and did not before: chiller-1" in output
    code, output = backtest("old.yaml", "--input", "past.csv", "--devices", "devices.csv", "--against", "new.yaml")
    assert "gone    2026-02-02 03:00:00  chiller-1 for tanaka" in output
    assert "no longer fires on: chiller-1" in output


def test_unknown_devices_are_matched_by_no_model_and_that_is_said(folder: Path) -> None:
    code, output = backtest("new.yaml", "--input", "past.csv")
    assert code == 0
    assert row(output)[:2] == ["warm", "0"]
    assert "warm concerns none of the devices: it wants model chiller-*" in output
    assert "--devices names a file" in output


def test_everything_is_written_as_json(folder: Path) -> None:
    backtest("new.yaml", "--input", "past.csv", "--devices", "devices.csv", "--against", "old.yaml", "--json", "o.json")
    found: dict[str, Any] = json.loads((folder / "o.json").read_text())
    assert (found["events"], found["differs"], found["set_aside"]) == (240, True, 0)
    (rule,) = found["rules"]
    assert (rule["new"], rule["candidate"]["customers"], rule["live"]["counts"]["firing"]) == (3, 1, 1)
    assert rule["changes"][0]["at"] == "2026-02-02T03:00:00.000Z"


def test_only_some_time_and_some_rules(folder: Path) -> None:
    (folder / "new.yaml").write_text(
        "rules: [{id: a, when: {metric: t, above: 8}}, {id: b, when: {metric: t, above: 9}}]"
    )
    code, output = backtest("new.yaml", "--input", "past.csv", "--rule", "b", "--until", "2026-02-02T03:40:00Z")
    assert code == 0
    assert "1 rule over 120 events" in output
    assert row(output, "b")[1] == "0"


def test_of_a_folder_rules_that_it_lacks_are_told(folder: Path) -> None:
    whole = folder / "rules"
    whole.mkdir()
    (whole / "a.yaml").write_text("rules: [{id: other, when: {metric: t, above: 8}}]")
    code, output = backtest("rules", "--input", "past.csv", "--devices", "devices.csv", "--against", "new.yaml")
    assert code == 0
    assert row(output)[1] == "–"
    code, output = backtest("rules/a.yaml", "--input", "past.csv", "--devices", "devices.csv", "--against", "new.yaml")
    assert not any(line.startswith("warm") for line in output.splitlines()), "one file is compared rule by rule"


def test_positions_are_held_against_the_stores_of_a_file(folder: Path) -> None:
    (folder / "visit.yaml").write_text("rules: [{id: visit, when: {zone: {dwell: 2m, store: any}}, purpose: offers}]")
    (folder / "stores.json").write_text('{"ginza": {"geofence": {"lat": 35.0, "lon": 139.0, "radius": 100}}}')
    rows = [f"{T0 + minute * MINUTE},phone,{35.0 if minute in (5, 6, 7, 8) else 35.1},139,5" for minute in range(12)]
    (folder / "walk.csv").write_text("\n".join(["ts,device_id,lat,lon,accuracy", *rows]) + "\n")
    code, output = backtest("visit.yaml", "--input", "walk.csv", "--stores", "stores.json")
    assert code == 0, output
    assert row(output, "visit")[:3] == ["visit", "1", "1"]
    assert "ginza" in output


def test_received_at_that_is_sometimes_missing_does_not_hide_disorder(folder: Path) -> None:
    rows = [
        f"{T0 + n * 60_000},{device},{received},5" for device in "ab" for n, received in enumerate(["", ""] * 20_000)
    ]
    (folder / "long.csv").write_text("\n".join(["ts,device_id,received_at,t", *rows]) + "\n")
    (folder / "any.yaml").write_text("rules: [{id: silent, when: {absent_for: 1h}}]")
    code, output = backtest("any.yaml", "--input", "long.csv")
    assert code == 0, output
    assert row(output, "silent")[1] == "0"
    assert "put in order" in output


def test_bad_lines_are_named_and_the_rest_is_tried(folder: Path) -> None:
    with (folder / "past.csv").open("a") as file:
        file.write("soon,chiller-1,3\n")
    code, output = backtest("new.yaml", "--input", "past.csv", "--devices", "devices.csv")
    assert code == 0
    assert "note: past.csv:242: ts 'soon' is no time" in output


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["new.yaml"], 2, "say which past"),
        (["new.yaml", "--since", "soon", "--input", "past.csv"], 2, "30d"),
        (["new.yaml", "--input", "past.csv", "--rule", "worm"], 2, "'warm'"),
        (["new.yaml", "--input", "past.csv", "--since", "1h", "--until", "2h"], 2, "before --since"),
        (["new.yaml", "--since", "1h"], 1, "or name a file with --input"),
        (["nowhere.yaml", "--since", "1h"], 2, "nowhere.yaml"),
        (["new.yaml", "--input", "devices.csv"], 1, "no column 'ts'"),
        (["new.yaml", "--input", "past.csv", "--since", "1d"], 1, "no events in that time"),
        (["new.yaml", "--input", "past.csv", "--devices", "past.csv"], 1, "needs a column `id`"),
        (["new.yaml", "--input", "past.csv", "--stores", "devices.csv"], 1, "geofence"),
        (["new.yaml", "--input", "past.csv", "--json", "no/such/folder.json"], 1, "can't be written"),
        (["past.csv", "--input", "past.csv"], 1, "can't be used"),
    ],
)
def test_what_cant_be_done_is_told(folder: Path, arguments: list[str], code: int, word: str) -> None:
    found, output = backtest(*arguments)
    assert found == code, output
    assert word in " ".join(output.replace("│", " ").split())


def tally(per_day: dict[str, int]) -> Tally:
    return Tally(
        version="", counts={}, devices=0, customers=0, first_at=None, last_at=None, per_day=per_day, top_devices=[],
        top_customers=[], examples=[], faults=0, first_fault="",
    )  # fmt: skip


def test_a_sparkline_has_a_bar_for_each_day() -> None:
    days = [f"2026-02-0{n}" for n in range(1, 6)]
    assert sparkline(tally({"2026-02-02": 8, "2026-02-03": 1, "2026-02-05": 4}), days) == " █▁ ▄"
    assert sparkline(tally({}), days) == ""
    assert sparkline(None, days) == ""


def test_many_days_share_bars() -> None:
    days = [f"2026-{month:02}-{day:02}" for month in (1, 3, 5) for day in range(1, 31)]
    assert sparkline(tally({days[0]: 1, days[1]: 1, days[2]: 1, days[-1]: 1}), days) == "█" + " " * 28 + "▃"
