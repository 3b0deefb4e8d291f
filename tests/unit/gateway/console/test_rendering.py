"""How numbers, times, entries and explanations are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console import chart, entries
from gateway.console.changes import Changes
from gateway.console.markup import ago, day_name, facts, short_number, span, zone_of
from gateway.storage import wake
from gateway.storage.timeline import Entry
from notifiers.policy import Reason

NOW = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")


def entry(**more: Any) -> Entry:
    return Entry(**{"id": "e", "customer_id": "c", "at": NOW, "kind": "note", "summary": "s", **more})


@given(st.text(), st.text(), st.text())
def test_no_text_of_an_entry_becomes_markup(summary: str, reason: str, value: str) -> None:
    marked = entry(
        summary=f"<b>{summary}", reason=f"<b>{reason}", device_id="<b>", detail={f"<b>{value}": f"<b>{value}"}
    )
    shown = entries.head(marked, UTC) + entries.behind(marked, None) + entries.feed_row(marked, f"<b>{value}", NOW)
    assert "<b>" not in shown


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_can_be_shown_as_facts_and_as_a_condition_tree(value: Any) -> None:
    assert "<script" not in facts([("<script>", value), ("detail", {"x": value})])
    assert "<script" not in entries.why({"operator": "<script>", "x": value, "result": None, "of": [{"of": []}]})


def test_a_days_name_is_that_of_the_customers_own_calendar() -> None:
    assert day_name(NOW, UTC, NOW) == "Today"
    assert day_name(datetime(2026, 3, 1, 14, 59, tzinfo=UTC), TOKYO, NOW) == "Yesterday"
    assert day_name(datetime(2026, 2, 20, 12, tzinfo=UTC), TOKYO, NOW) == "Friday, 20 February 2026"
    assert zone_of("no/where") is UTC


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(500, "0.5 s"), (59_000, "59 s"), (600_000, "10 min"), (5_400_000, "1 h 30 min"), (90_061_000, "1 d 1 h")],
)
def test_durations_are_said_in_their_largest_units(milliseconds: int, said: str) -> None:
    assert span(milliseconds) == said


def test_large_numbers_are_shortened_and_moments_rounded() -> None:
    assert [short_number(n) for n in (0, 9_999, 10_000, 1_234_567)] == ["0", "9,999", "10 k", "1.23 M"]
    assert [ago(NOW - timedelta(seconds=s), NOW) for s in (-5, 59, 60, 7200, 200_000)] == [
        "0 s ago",
        "59 s ago",
        "1 min ago",
        "2 h ago",
        "2 d ago",
    ]


@given(st.floats(min_value=0, max_value=1e9))
def test_a_charts_scale_is_the_next_round_number(most: float) -> None:
    top = chart.scale(most)
    assert top >= max(most, 10)
    assert top <= max(10.0, most * 2.5 + 1e-6)


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=400))
def test_a_chart_stays_inside_its_frame(values: list[float]) -> None:
    drawn = str(chart.area(values, seconds=2.0))
    if len(values) > 1:
        points = drawn.split('<polyline class="line" points="')[1].split('"', maxsplit=1)[0].split()
        pairs = [tuple(map(float, point.split(","))) for point in points]
        assert all(-0.1 <= x <= 600.1 and -0.1 <= y <= 160.1 for x, y in pairs)
        assert pairs[-1][0] == 600


def test_every_reason_of_the_contact_policy_has_its_words() -> None:
    assert set(Reason) <= set(entries.REASONS)


def test_colours_follow_severity_until_the_matter_is_over() -> None:
    assert entries.tone(entry(kind="alert", detail={"severity": "critical", "transition": "firing"})) == "critical"
    assert entries.tone(entry(kind="alert", detail={"severity": "critical", "transition": "resolved"})) == "good"
    assert entries.tone(entry(kind="message", detail={"state": "failed"})) == "critical"
    assert entries.tone(entry(kind="case", detail={"event": "recovered", "severity": "major"})) == "good"


def test_an_explanation_reads_as_what_was_asked_and_what_was_seen() -> None:
    tree = {
        "operator": "for",
        "duration_ms": 600_000,
        "since": 1_750_000_000_000,
        "result": True,
        "of": [
            {
                "operator": "absent_for",
                "metric": None,
                "duration_ms": 60_000,
                "heard_at": 1_750_000_001_000,
                "result": None,
            }
        ],
    }
    shown = str(entries.why(tree))
    assert "for 10 min" in shown
    assert "since 15 Jun 15:06:40 UTC" in shown
    assert "no data for 1 min" in shown
    assert "last heard 15 Jun 15:06:41 UTC" in shown
    assert "mark-unknown" in shown


def test_a_viewer_sees_that_its_customer_changed_and_nobody_elses() -> None:
    changes = Changes()
    before = changes.mark("a")
    changes.heard(wake.TIMELINE, "b")
    changes.heard(wake.INVENTORY, "a")
    assert changes.mark("a") == before
    changes.heard(wake.TIMELINE, "a")
    first = changes.mark("a")
    changes.heard(wake.TIMELINE, "a")
    assert before != first != changes.mark("a")
