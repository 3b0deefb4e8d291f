"""Calendars against a plain model that asks the clock on the wall minute by minute, around changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import DAY_MINUTES, Agenda, Calendar, Span

CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2038, 11, 7, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # by half an hour
    ("Australia/Lord_Howe", datetime(2038, 10, 2, 15, 30, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),  # there is no midnight that day
    ("Africa/Casablanca", datetime(2026, 2, 15, 2, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # there is no 30 December there
    ("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC)),
    ("UTC", datetime(2038, 1, 19, 3, 14, tzinfo=UTC)),
]
MINUTE_MS = 60_000


def shown_within(calendar: Calendar, wall: datetime) -> bool:
    """Whether a clock that shows ``wall`` shows a time that the calendar names."""
    minute = 60 * wall.hour + wall.minute
    today, yesterday = wall.date(), wall.date() - timedelta(days=1)
    return any(begin <= minute < end for begin, end in named(calendar, today)) or any(
        begin <= minute + DAY_MINUTES < end for begin, end in named(calendar, yesterday)
    )


def named(calendar: Calendar, day: date) -> list[Span]:
    if calendar.first and day < calendar.first:
        return []
    if calendar.last and day > calendar.last:
        return []
    return [] if day in calendar.without else list(calendar.week[day.weekday()])


@st.composite
def spans(draw: st.DrawFn) -> Span:
    quarter = st.sampled_from(range(0, DAY_MINUTES, 15))
    begin, end = draw(quarter | st.integers(0, DAY_MINUTES - 1)), draw(quarter | st.integers(1, DAY_MINUTES))
    return (begin, end) if begin < end else (begin, end + DAY_MINUTES)


@st.composite
def calendars(draw: st.DrawFn, around: date) -> Calendar:
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    hours = tuple(draw(st.lists(spans(), min_size=1, max_size=3)))
    near = st.integers(-2, 2).map(lambda away: around + timedelta(days=away))
    first, last = draw(st.none() | near), draw(st.none() | near)
    without = draw(st.frozensets(near, max_size=2))
    return Calendar(tuple(hours if day in days else () for day in range(7)), first, last, without)


@given(st.data(), st.sampled_from(CHANGES), st.integers(-2 * DAY_MINUTES, 2 * DAY_MINUTES))
def test_holds_as_the_clock_on_the_wall_says_minute_by_minute(
    data: st.DataObject, change: tuple[str, datetime], begin: int
) -> None:
    name, moment = change
    zone = ZoneInfo(name)
    calendar = data.draw(calendars(moment.astimezone(zone).date()))
    agenda = Agenda(calendar, zone)
    expected_end = None
    for minute in range(begin, begin + 36 * 60):
        moment_then = moment + timedelta(minutes=minute)
        at = round(moment_then.timestamp() * 1000)
        holds = shown_within(calendar, moment_then.astimezone(zone).replace(tzinfo=None))
        stretch = agenda.at(at)
        assert stretch.holds is holds, moment_then
        assert stretch.begin <= at < stretch.end
        if expected_end is not None and at >= expected_end[0]:
            assert at == expected_end[0]  # not later than announced
            assert holds is not expected_end[1], "a boundary at which nothing changes"
        expected_end = (stretch.end, holds)


@given(st.data(), st.sampled_from(CHANGES), st.lists(st.integers(-(10**5), 10**5), max_size=20))
def test_what_was_asked_before_changes_no_answer(
    data: st.DataObject, change: tuple[str, datetime], minutes: list[int]
) -> None:
    name, moment = change
    calendar = data.draw(calendars(moment.date()))
    busy = Agenda(calendar, ZoneInfo(name))
    for minute in minutes:
        at = round(moment.timestamp() * 1000) + minute * MINUTE_MS
        found, alone = busy.at(at), Agenda(calendar, ZoneInfo(name)).at(at)
        assert found.holds is alone.holds
        assert found.begin <= at < found.end
        # Without a boundary it looks 511 days ahead; what was asked before lies at most 139 days apart.
        if abs(found.end - at) < 370 * DAY_MINUTES * MINUTE_MS:
            assert found.end == alone.end


def test_a_night_shift_lasts_seven_hours_or_nine_when_the_clocks_change() -> None:
    nights = Calendar((((22 * 60, 30 * 60),),) * 7)
    agenda = Agenda(nights, ZoneInfo("Europe/Berlin"))
    for evening, hours in (("2026-03-28T21:00", 7), ("2026-10-24T20:00", 9), ("2026-06-01T20:00", 8)):
        at = round(datetime.fromisoformat(evening).replace(tzinfo=UTC).timestamp() * 1000)
        assert agenda.at(at - 1).holds is False
        assert agenda.at(at) == (at, at + hours * 60 * MINUTE_MS, True)


def test_a_calendar_without_boundaries_is_looked_at_again_after_a_year() -> None:
    always = Agenda(Calendar((((0, DAY_MINUTES),),) * 7), ZoneInfo("Asia/Tokyo"))
    at = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    stretch = always.at(at)
    assert stretch.holds is True
    assert stretch.end - at > 365 * DAY_MINUTES * MINUTE_MS


def test_times_that_no_calendar_reaches_are_unknown() -> None:
    agenda = Agenda(Calendar((((0, DAY_MINUTES),),) * 7), ZoneInfo("Asia/Tokyo"))
    for at in (-(2**62), 2**60):
        assert agenda.at(at).holds is None
