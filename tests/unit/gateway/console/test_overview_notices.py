"""What the console's first page says before anything else: that somebody has to mend something."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from gateway.console.pages.overview import _alarms
from gateway.console.pulse import Picture
from gateway.storage.faults import Failing
from gateway.storage.overview import Overview

NUMBERS = Overview(
    read_at=datetime(2026, 1, 1, tzinfo=UTC),
    events=0,
    devices=0,
    customers=0,
    alerts={},
    decisions={},
    messages={},
    suppressions={},
    cases={},
    partitions=[],
    faults=0,
    failing=[],
    alarms=[],
)


def notices(refused_rules: str | None) -> str:
    numbers = msgspec.structs.replace(NUMBERS, refused_rules=refused_rules)
    return str(_alarms(Picture(numbers, [], {}, 0, [])))


def test_a_refused_folder_of_rules_is_told_with_its_line_and_cannot_break_the_page() -> None:
    told = notices("a.yaml:3:5: unknown operator '<script>' — did you mean 'above'?; the rules before still hold")
    assert "a.yaml:3:5" in told
    assert "<script>" not in told


def test_a_failure_that_was_set_aside_is_told_by_rule_and_device_and_cannot_break_the_page() -> None:
    failing = [Failing("warm", "chiller-7", "ValueError: <b>", 3, NUMBERS.read_at)]
    told = str(_alarms(Picture(msgspec.structs.replace(NUMBERS, failing=failing), [], {}, 0, [])))
    assert "rule warm on chiller-7: ValueError: &lt;b&gt;, 3 times" in told


def test_nothing_is_told_where_nothing_is_wrong() -> None:
    assert notices(None) == ""
