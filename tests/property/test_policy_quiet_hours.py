from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifiers.policy.night import release_ms
from notifiers.policy.settings import QuietHours

ZONES = ("Europe/London", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu")
HOUR = 3_600_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


CLOCK_CHANGES = [
    ("Europe/London", at("2026-03-29T01:00Z")),
    ("Europe/London", at("2026-10-25T01:00Z")),
    ("America/New_York", at("2026-03-08T07:00Z")),
    ("America/New_York", at("2026-11-01T06:00Z")),
    ("Australia/Lord_Howe", at("2026-04-04T15:00Z")),
    ("Australia/Lord_Howe", at("2026-10-03T15:30Z")),
]

minutes = st.integers(0, 1439)
spans = st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: QuietHours(*pair))
anywhere = st.tuples(st.sampled_from(ZONES), st.integers(at("1975-01-01T00:00Z"), at("2100-01-01T00:00Z")))
near_a_change = st.builds(
    lambda change, distance: (change[0], change[1] + distance),
    st.sampled_from(CLOCK_CHANGES),
    st.integers(-26 * HOUR, 26 * HOUR),
)
moments = st.one_of(anywhere, near_a_change)


def quiet_by_the_wall_clock(now_ms: int, hours: QuietHours, zone: str) -> bool:
    """The definition, written the plain way and without the code under test."""
    local = (EPOCH + timedelta(milliseconds=now_ms)).astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    if hours.starts < hours.ends:
        return hours.starts <= minute < hours.ends
    return minute >= hours.starts or minute < hours.ends


@given(moment=moments, hours=spans)
def test_quiet_is_what_the_wall_clock_says(moment: tuple[str, int], hours: QuietHours) -> None:
    zone, now = moment
    assert (release_ms(now, hours, ZoneInfo(zone)) > now) == quiet_by_the_wall_clock(now, hours, zone)


@given(moment=moments, hours=spans)
@example(moment=("Europe/London", at("2026-03-29T00:30Z")), hours=QuietHours(0, 90))  # 01:30 does not exist
@example(moment=("Europe/London", at("2026-10-25T00:10Z")), hours=QuietHours(0, 90))  # 01:30 comes twice
@example(moment=("Europe/London", at("2026-10-25T01:10Z")), hours=QuietHours(0, 90))
@example(moment=("Australia/Lord_Howe", at("2026-10-03T15:00Z")), hours=QuietHours(1320, 135))
def test_the_release_is_outside_quiet_hours_later_and_within_25_hours(
    moment: tuple[str, int], hours: QuietHours
) -> None:
    zone, now = moment
    release = release_ms(now, hours, ZoneInfo(zone))
    assert not quiet_by_the_wall_clock(release, hours, zone)
    if quiet_by_the_wall_clock(now, hours, zone):
        assert now < release <= now + 25 * HOUR
    else:
        assert release == now


@given(moment=moments, hours=spans, portion=st.floats(0, 1, exclude_max=True))
def test_the_release_is_the_first_such_instant(moment: tuple[str, int], hours: QuietHours, portion: float) -> None:
    zone, now = moment
    release = release_ms(now, hours, ZoneInfo(zone))
    if release == now:
        return
    assert quiet_by_the_wall_clock(release - 1, hours, zone)
    earlier = now + int((release - now) * portion)
    assert quiet_by_the_wall_clock(earlier, hours, zone)


@pytest.mark.parametrize(("zone", "change"), CLOCK_CHANGES)
def test_minute_by_minute_through_a_clock_change_nothing_is_released_early_or_late(zone: str, change: int) -> None:
    hours = QuietHours(21 * 60, 2 * 60 + 15)
    for now in range(change - 6 * HOUR, change + 6 * HOUR, 60_000):
        expected = now
        while quiet_by_the_wall_clock(expected, hours, zone):
            expected += 60_000
        assert release_ms(now, hours, ZoneInfo(zone)) == expected


@pytest.mark.parametrize(
    ("zone", "now", "release"),
    [
        ("Europe/London", "2026-03-28T22:00Z", "2026-03-29T07:00Z"),
        ("Europe/London", "2026-10-24T21:00Z", "2026-10-25T08:00Z"),
        ("America/New_York", "2026-03-08T03:00Z", "2026-03-08T12:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T11:00Z", "2026-04-04T21:30Z"),
    ],
)
def test_a_night_with_a_clock_change_ends_at_eight_all_the_same(zone: str, now: str, release: str) -> None:
    assert release_ms(at(now), QuietHours(21 * 60, 8 * 60), ZoneInfo(zone)) == at(release)
