"""Times by the clock on the wall, against every minute of the years and against days that are odd."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.recurrence import Pattern, Period, instant, wall_time
from rules.subject import NEVER

BERLIN, TOKYO, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
LORD_HOWE, APIA, CAIRO = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia"), ZoneInfo("Africa/Cairo")
ZONES = [BERLIN, TOKYO, NEW_YORK, LORD_HOWE, CAIRO, ZoneInfo("UTC"), ZoneInfo("America/St_Johns")]
DAY = 86_400_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def utc(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


def times(pattern: Pattern, zone: ZoneInfo, after: str, count: int) -> list[str]:
    found, at = [], ms(after)
    for _ in range(count):
        at = pattern.after(zone, at)
        found.append(utc(at))
    return found


def test_a_time_that_does_not_exist_is_the_first_moment_after() -> None:
    nightly = Pattern("", time(2, 30))
    assert times(nightly, BERLIN, "2026-03-28T00:00Z", 3) == [
        "2026-03-28T01:30",
        "2026-03-29T01:00",
        "2026-03-30T00:30",
    ]


def test_a_time_that_exists_twice_happens_once() -> None:
    nightly = Pattern("", time(2, 30))
    assert times(nightly, BERLIN, "2026-10-24T12:00Z", 2) == ["2026-10-25T00:30", "2026-10-26T01:30"]
    # Asked again between the two, it is not there a second time.
    assert times(nightly, BERLIN, "2026-10-25T01:00Z", 1) == ["2026-10-26T01:30"]


def test_midnight_may_not_exist() -> None:
    assert times(Pattern("", time(0, 0)), CAIRO, "2026-04-23T12:00Z", 1) == ["2026-04-23T22:00"]
    assert wall_time(CAIRO, ms("2026-04-23T22:00Z")) == datetime(2026, 4, 24, 1, 0)  # noqa: DTZ001


def test_a_clock_may_change_by_half_an_hour() -> None:
    assert times(Pattern("", time(2, 15)), LORD_HOWE, "2026-10-03T00:00Z", 1) == ["2026-10-03T15:30"]


def test_a_whole_day_may_not_exist() -> None:
    # Samoa had no 30 December 2011: what falls on it happens as the 31st begins.
    assert times(Pattern("", time(9, 0)), APIA, "2011-12-29T12:00Z", 3) == [
        "2011-12-29T19:00",
        "2011-12-30T10:00",
        "2011-12-30T19:00",
    ]


def test_a_month_that_is_shorter_has_it_on_its_last_day() -> None:
    last = Pattern("", time(6, 0), day=31)
    zone = ZoneInfo("UTC")
    assert [each[:10] for each in times(last, zone, "2026-01-31T06:00Z", 4)] == [
        "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31",
    ]  # fmt: skip
    leap = Pattern("", time(6, 0), day=29, month=2)
    assert [each[:10] for each in times(leap, zone, "2026-03-01T00:00Z", 3)] == [
        "2027-02-28",
        "2028-02-29",
        "2029-02-28",
    ]


def test_a_period_by_the_calendar_ends_at_the_same_time_of_the_day() -> None:
    begin = ms("2026-03-01T09:00+01:00")
    assert utc(Period("", months=1).after(BERLIN, begin)) == "2026-04-01T07:00"
    assert utc(Period("", days=90).after(BERLIN, begin)) == "2026-05-30T07:00"
    assert utc(Period("", exact=90 * DAY).after(BERLIN, begin)) == "2026-05-30T08:00"
    assert utc(Period("", days=1, clock=time(8)).after(BERLIN, begin)) == "2026-03-02T07:00"


def test_a_month_after_the_last_of_january_is_the_last_of_february() -> None:
    begin = ms("2028-01-31T12:00Z")
    assert utc(Period("", months=1).after(ZONES[5], begin)) == "2028-02-29T12:00"
    assert utc(Period("", months=12).after(ZONES[5], ms("2028-02-29T12:00Z"))) == "2029-02-28T12:00"


@pytest.mark.parametrize("at", [-(2**62), -(10**17), 10**17, 2**62])
def test_beyond_all_calendars_nothing_comes(at: int) -> None:
    assert Pattern("", time(9)).after(BERLIN, at) == NEVER
    assert Period("", days=1).after(BERLIN, at) == NEVER


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.integers(ms("2024-01-01T00:00Z") // 1000, ms("2027-12-31T00:00Z") // 1000))
def test_an_instant_and_its_time_on_the_wall_belong_together(zone: ZoneInfo, at_s: int) -> None:
    wall = wall_time(zone, at_s * 1000)
    found = instant(zone, wall)
    assert found <= at_s * 1000
    assert wall_time(zone, found) == wall  # an earlier one only where the clock shows it twice
    assert at_s * 1000 - found in (0, 3_600_000, 1_800_000)


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(ms("2025-01-01T00:00Z") // 60_000, ms("2027-01-01T00:00Z") // 60_000),
    st.integers(0, 1439),
    st.frozensets(st.integers(0, 6), max_size=3),
)
def test_comes_when_a_walk_through_the_minutes_finds_it(
    zone: ZoneInfo, minute: int, clock: int, weekdays: frozenset[int]
) -> None:
    """The first minute in which the wall's clock has come to the time, on a day that is meant, for the first time."""
    pattern = Pattern("", time(clock // 60, clock % 60), weekdays)
    found = pattern.after(zone, minute * 60_000)
    assert found > minute * 60_000
    assert found - minute * 60_000 <= 8 * DAY + 7_200_000
    shown = wall_time(zone, found)
    assert not weekdays or shown.weekday() in weekdays
    assert (shown.hour * 60 + shown.minute - clock) in range(61)
    if shown.hour * 60 + shown.minute != clock:  # in a gap: a minute before, the clock had not come to it
        before = wall_time(zone, found - 60_000)
        assert before.hour * 60 + before.minute < clock
    walked = minute * 60_000
    steps = min(3000, (found - walked) // 60_000)
    for step in range(1, steps):
        at = walked + step * 60_000
        now = wall_time(zone, at)
        on_day = not weekdays or now.weekday() in weekdays
        first = instant(zone, now) == at
        assert not (on_day and first and now.hour * 60 + now.minute == clock)


def test_a_year_of_days_has_one_time_each() -> None:
    for zone in ZONES:
        at, found = ms("2026-01-01T00:00Z"), []
        while (at := Pattern("", time(2, 30)).after(zone, at)) < ms("2027-01-01T00:00Z"):
            found.append(wall_time(zone, at).date())
        assert len(found) == len(set(found)) in (365, 366)
        assert all(later - day == timedelta(days=1) for day, later in pairwise(found))
