"""The demo refuses in one line what it can't do, before it starts anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.demo.run import RULES
from gateway.prepare import read_rules


def demo(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "demo", *options],
        env={**os.environ, "KIZASHI_DATA_DIR": str(folder / "data"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("database.url", "postgresql://production.example/kizashi"),
        ("log.url", "nats://production.example:4222"),
        ("mqtt.url", "mqtt://production.example"),
    ],
)
def test_it_never_touches_servers_that_a_configuration_names(tmp_path: Path, name: str, url: str) -> None:
    done = demo(tmp_path, "--seconds", "1", **{f"KIZASHI_{name.upper().replace('.', '__')}": url})
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"the demo starts servers of its own: leave {name} out for it"]
    assert not (tmp_path / "data").exists()


def test_a_report_that_can_not_be_written_is_said_before_and_not_after(tmp_path: Path) -> None:
    done = demo(tmp_path, "--seconds", "1", "--report", str(tmp_path / "nowhere" / "report.json"))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{tmp_path}/nowhere/report.json can't be written: {tmp_path}/nowhere is not a folder"
    ]


def test_wrong_usage_is_2(tmp_path: Path) -> None:
    assert demo(tmp_path, "--seconds", "0").returncode == 2
    assert demo(tmp_path, "--no-such-option").returncode == 2


def test_the_shipped_rules_are_fine_and_their_templates_are_there() -> None:
    found = read_rules(RULES, None)
    assert found is not None
    assert set(found[1]) == {"machines.yaml", "stores.yaml"}
