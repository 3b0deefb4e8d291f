"""``kizashi demo``: everything at once, a report in the promised shape, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.acceptance.rig import eventually
from tests.ports import free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SECONDS = 40
AGAIN_SECONDS = 4
PARTS = {"events", "rejected", "decisions", "suppressions", "messages", "cases", "touchpoints"}
STATES = frozenset(
    (
        "held",
        "queued",
        "sending",
        "accepted",
        "delivered",
        "read",
        "clicked",
        "failed",
        "unknown",
        "expired",
        "withdrawn",
    )
)
RULES = {"chiller-too-warm", "washer-bearing-worn", "purifier-filter-clogged", "washer-silent", "welcome-offer"}
STARTED = "KIZASHI_ACCEPTANCE_DEMO_FOR"
OWNER = "佐藤 美咲"


class Played(NamedTuple):
    """One run of the demo."""

    returncode: int
    out: str
    err: str
    report: dict[str, Any]


class Demo:
    """Runs the demo in one folder, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        http, mqtt = free_port(), free_port()
        self._report = folder / "report.json"
        self._mark = f"{os.getpid()}-{http}"
        self._environment = {
            **os.environ,
            # No setting: it marks all processes that the demo starts, whoever their parent is in the end.
            STARTED: self._mark,
            "COLUMNS": "200",
            "KIZASHI_HTTP__BIND": f"127.0.0.1:{http}",
            "KIZASHI_MQTT__BIND": f"127.0.0.1:{mqtt}",
            "KIZASHI_PUBLIC_URL": f"http://127.0.0.1:{http}",
            "KIZASHI_DATA_DIR": str(folder / "data"),
        }

    def play(self, seconds: int) -> Played:
        """Run it to its end."""
        self._report.unlink(missing_ok=True)
        options = ("--seconds", str(seconds), "--report", str(self._report))
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "demo", *options],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 240,
        )
        report = json.loads(self._report.read_text(encoding="utf-8")) if self._report.exists() else {}
        return Played(done.returncode, done.stdout, done.stderr, report)

    def running(self) -> list[psutil.Process]:
        """Whatever still runs of all that the demo started."""
        return [process for process in psutil.process_iter() if _variable(process, STARTED) == self._mark]


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        return process.environ().get(name)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return None


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def played(demo: Demo) -> Played:
    return demo.play(SECONDS)


def test_it_ends_by_itself_and_leaves_nothing_running(demo: Demo, played: Played) -> None:
    assert played.returncode == 0, played.err
    assert "Traceback" not in played.err
    assert_nothing_runs(demo)


def assert_nothing_runs(demo: Demo) -> None:
    eventually(lambda: not demo.running(), within=60, what="the end of all that the demo started")


def test_the_report_has_the_promised_shape_and_every_part_has_something(played: Played) -> None:
    report = played.report
    assert set(report) == PARTS
    for part in ("events", "rejected", "cases", "touchpoints"):
        assert type(report[part]) is int
        assert report[part] > 0, part
    for part in ("decisions", "suppressions"):
        assert report[part], part
        assert all(type(number) is int and number > 0 for number in report[part].values())
    assert set(report["messages"]) == {"push", "sms", "email"}
    for channel, states in report["messages"].items():
        assert states, channel
        assert set(states) <= STATES
        assert all(type(number) is int and number > 0 for number in states.values())


def test_the_story_is_told(played: Played) -> None:
    report = played.report
    assert set(report["decisions"]) == RULES
    assert {"no_consent", "open_fault", "quiet_hours"} <= set(report["suppressions"])
    assert report["messages"]["sms"].get("delivered", 0) >= 1
    assert report["messages"]["push"].get("delivered", 0) >= 1
    assert "What it came to" in played.out


def test_an_owner_whose_phone_keeps_silent_is_reached_by_push_then_sms_then_email(played: Played) -> None:
    told = re.findall(rf"^ *([\d.]+) s +message +{OWNER} +(\w+) queued: .*chiller-07", played.out, re.MULTILINE)
    assert [channel for _, channel in told][:3] == ["Push", "SMS", "Email"]
    moments = [float(at) for at, _ in told]
    assert moments == sorted(moments)


def test_it_can_be_played_again_in_the_same_folder_and_begins_afresh(demo: Demo, played: Played) -> None:
    again = demo.play(AGAIN_SECONDS)
    assert again.returncode == 0, again.err
    assert set(again.report) == PARTS
    assert 0 < again.report["events"] < played.report["events"]
    assert_nothing_runs(demo)
