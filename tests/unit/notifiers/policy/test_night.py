"""Quiet hours by the customer's own clock, compared with a clock that is read every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.policy import PolicySettings, QuietHours, plan
from notifiers.policy.night import nightfall_ms, release_ms
from notifiers.policy.request import History
from tests.unit.notifiers.policy.asking import NOON, customer, millis, planned, request

MINUTE_MS = 60_000
ZONES = (
    "UTC",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",  # its clocks change by half an hour
    "Pacific/Apia",
)
CHANGES = (
    datetime(2026, 3, 8, tzinfo=UTC),
    datetime(2026, 3, 29, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),
    datetime(2026, 10, 3, tzinfo=UTC),
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
)
moments = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-900, 900)
)
hours = st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda span: span[0] != span[1])


def by_the_clock(at: datetime, zone: ZoneInfo, starts: int, ends: int) -> bool:
    """The model: what hands and a wall say."""
    local = at.astimezone(zone)
    minute = local.hour * 60 + local.minute
    return starts <= minute < ends if starts < ends else minute >= starts or minute < ends


def first(at: datetime, zone: ZoneInfo, starts: int, ends: int, *, quiet: bool) -> int:
    """The first minute from ``at`` on that is quiet, or is not."""
    found = (at + timedelta(minutes=n) for n in count())
    return int(next(each for each in found if by_the_clock(each, zone, starts, ends) is quiet).timestamp() * 1000)


@given(moments, st.sampled_from(ZONES), hours)
def test_nights_begin_and_end_as_the_wall_clock_says(at: datetime, zone: str, span: tuple[int, int]) -> None:
    quiet, place, now = QuietHours(*span), ZoneInfo(zone), int(at.timestamp() * 1000)
    assert nightfall_ms(now, quiet, place) == first(at, place, *span, quiet=True)
    assert release_ms(now, quiet, place) == first(at, place, *span, quiet=False)


@given(moments, st.sampled_from(ZONES), hours, st.integers(0, 3 * 1440))
def test_until_the_moment_that_a_plan_names_no_minute_is_quiet(
    at: datetime, zone: str, span: tuple[int, int], later: int
) -> None:
    now, settings = int(at.timestamp() * 1000), PolicySettings(quiet_hours={"maintenance": QuietHours(*span)})
    asked = request(decided_at_ms=now)
    made = plan(asked, customer(time_zone=zone), History(), settings, now)
    if made.hold_until_ms is not None:
        assert made.quiet_from_ms is None
        now = made.hold_until_ms
        made = plan(asked, customer(time_zone=zone), History(), settings, now)
    assert made.quiet_from_ms is not None
    assert release_ms(made.quiet_from_ms, QuietHours(*span), ZoneInfo(zone)) > made.quiet_from_ms
    moment = now + later * MINUTE_MS
    if moment < made.quiet_from_ms:
        assert not by_the_clock(datetime.fromtimestamp(moment / 1000, UTC), ZoneInfo(zone), *span)


def test_a_plan_says_from_when_on_it_is_night() -> None:
    assert planned(severity="minor").quiet_from_ms == millis("2026-06-03 22:00")
    assert planned(purpose="offers", severity="critical").quiet_from_ms == millis("2026-06-03 21:00")


@pytest.mark.parametrize(("purpose", "severity"), [("maintenance", "major"), ("safety", "info")])
def test_what_wakes_people_goes_at_any_time(purpose: str, severity: str) -> None:
    assert planned(purpose=purpose, severity=severity).quiet_from_ms is None


def test_an_all_clear_never_wakes_anybody() -> None:
    made = planned(transition="resolved", severity="critical", history=History(was_told=True, alert_active=False))
    assert made.quiet_from_ms == millis("2026-06-03 22:00")


def test_what_is_refused_or_held_names_no_night() -> None:
    assert planned(to=customer(consents={})).quiet_from_ms is None
    assert planned(severity="minor", now_ms=NOON + 11 * 3_600_000, decided_at_ms=NOON).quiet_from_ms is None
