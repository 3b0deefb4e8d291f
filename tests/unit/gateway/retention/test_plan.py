"""Every table has its end, or a reason for having none; periods that would break something are refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.retention.plan import KEPT, PLAN, cutoffs, log_limits
from gateway.settings import Retention, Settings
from gateway.storage.prunable import PRUNABLE
from gateway.storage.tables import metadata

PAGE = Path(__file__).parents[4] / "docs" / "explanation" / "what-is-recorded.md"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_each_table_is_in_the_plan_or_has_a_reason_to_be_kept() -> None:
    ended = {table for each in PLAN for table in each.tables}
    assert ended | set(KEPT) == set(metadata.tables), "write a new table into gateway/retention/plan.py"
    assert not ended & set(KEPT)
    assert all(KEPT.values())


def test_each_kind_can_be_pruned_and_has_its_setting() -> None:
    assert {each.kind for each in PLAN} == set(PRUNABLE)
    settings = set(Retention.model_fields) - {"at", "events", "rejected"}
    assert {each.kind for each in PLAN if each.fixed is None} == settings
    for each in PLAN:
        assert PRUNABLE[each.kind].table in each.tables


def test_what_is_kept_for_ever_has_no_cutoff() -> None:
    found = {each.ended.kind: each.before for each in cutoffs(Retention(timeline="never", cases="10d"), NOW)}
    assert "timeline" not in found
    assert found["cases"] == NOW - timedelta(days=10)
    assert found["spending_by_number"] == NOW - timedelta(days=2)
    assert found["consent_history"] == NOW - timedelta(days=1095)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"messages": "29d"}, "at least 30 days"),
        ({"message_texts": "1d"}, "at least 7 days"),
        ({"decisions": "10d", "events": "14d"}, "at least 14 days"),
        ({"events": "5m"}, "at least 1 h"),
        ({"events": "never"}, "no duration"),
        ({"cases": "soon"}, "no duration"),
        ({"at": "25:00"}, "at"),
    ],
)
def test_periods_that_would_break_something_are_refused(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Retention(**wrong)


def test_messages_are_kept_as_long_as_caps_count_them() -> None:
    cap = {"at_most": 1, "per": "60d"}
    with pytest.raises(ValidationError, match=r"policy\.caps counts over 60d"):
        Settings.model_validate({"policy": {"caps": [cap]}, "retention": {"messages": "61d"}})
    Settings.model_validate({"policy": {"caps": [cap]}, "retention": {"messages": "62d"}})


def test_the_log_keeps_what_the_settings_say() -> None:
    limits = log_limits(Settings(retention=Retention(events="2d", rejected="3d")))
    assert (limits.max_age, limits.rejected_max_age) == (2 * 86_400, 3 * 86_400)


def on_the_page() -> list[tuple[set[str], str]]:
    """Tables, and the cell that says how long, of each row on the page."""
    rows = re.findall(r"^\|(.+)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    found = [(each[1], each[2]) if len(each) == 5 else (each[0], each[1]) for each in cells]
    return [(set(re.findall(r"`(\w+)`", tables)), until) for tables, until in found if not tables.startswith("-")]


def test_the_page_and_the_plan_say_the_same_periods() -> None:
    page = {until: tables for tables, until in on_the_page() if until.startswith("`retention.")}
    defaults = Retention()
    plan = {
        f"`retention.{each.kind}` = `{getattr(defaults, each.kind)}`": set(each.tables)
        for each in PLAN
        if each.fixed is None
    }
    log = {f"`retention.{name}` = `{getattr(defaults, name)}`": set[str]() for name in ("events", "rejected")}
    assert page == plan | log


def test_the_page_names_every_table_that_is_kept() -> None:
    named = set[str]().union(*(tables for tables, until in on_the_page() if not until.startswith("`retention.")))
    assert named - {"spending"} == set(KEPT)
