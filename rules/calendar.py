"""Calendars: days, hours and dates by the clock on the wall, and what they come to in a time zone.

A moment lies within a calendar when a clock on the wall there shows a time that the calendar names. So on the day on
which clocks go back, an hour that happens twice counts twice, and on the day on which they go forward an hour that
does not happen is not there: a shift from 22:00 to 06:00 lasts 9 or 7 hours then.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from devices.event import Millis
from rules.subject import NEVER

Span = tuple[int, int]
"""Begin and end in minutes from midnight; an end beyond 1440 lies on the day after."""
Week = tuple[tuple[Span, ...], ...]
"""The spans of each weekday, Monday first; a span belongs to the day on which it begins."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 1440
WHOLE_DAY: Span = (0, DAY_MINUTES)

_EPOCH = date(1970, 1, 1)
_MINUTE_S = 60
_DAY_S = DAY_MINUTES * _MINUTE_S
_STEP_S = _DAY_S // 2
"""No zone changes its offset and changes it back within this time."""
_WINDOWS = (8, 64, 512)
"""Days to look ahead for the next boundary, one after the other."""
_EARLIEST: Millis = -2_208_988_800_000  # 1900
_LATEST: Millis = 221_845_392_000_000  # 9000


@dataclass(frozen=True, slots=True)
class Calendar:
    """Weekly hours, within the dates from ``first`` to ``last`` (both included), but not on the days of ``without``."""

    week: Week
    first: date | None = None
    last: date | None = None
    without: frozenset[date] = frozenset()

    def spans(self, day: date) -> tuple[Span, ...]:
        """What begins on ``day``."""
        if (self.first is not None and day < self.first) or (self.last is not None and day > self.last):
            return ()
        return () if day in self.without else self.week[day.weekday()]


class Stretch(NamedTuple):
    """A time during which nothing changes: from ``begin`` until just before ``end`` (ms)."""

    begin: Millis
    end: Millis
    holds: bool | None
    """Whether it lies within the calendar; ``None`` where nobody knows."""


UNKNOWN = Stretch(-NEVER, NEVER, None)


class _Changes(NamedTuple):
    """When a calendar begins and stops to hold, from ``begin`` to ``end`` (ms)."""

    begin: Millis
    end: Millis
    first: bool
    """Whether it holds at ``begin``."""
    changes: list[Millis]

    def around(self, at: Millis) -> Stretch:
        """The stretch in which ``at`` lies."""
        place = bisect_right(self.changes, at)
        begin = self.changes[place - 1] if place else self.begin
        end = self.changes[place] if place < len(self.changes) else self.end
        return Stretch(begin, end, self.first is (place % 2 == 0))


class Agenda:
    """A calendar in a time zone.

    Remembers what it worked out last, which changes no answer; each memory is replaced as a whole, so several threads
    may ask.
    """

    __slots__ = ("_known", "_latest", "calendar", "zone")

    def __init__(self, calendar: Calendar, zone: ZoneInfo) -> None:
        self.calendar = calendar
        self.zone = zone
        self._latest = Stretch(0, 0, None)
        self._known = _Changes(0, 0, first=False, changes=[])

    def at(self, at: Millis) -> Stretch:
        """The stretch in which ``at`` lies. It ends at the next boundary, or in a year and a half if there is none."""
        latest = self._latest
        if latest[0] <= at < latest[1]:
            return latest
        if not _EARLIEST <= at <= _LATEST:
            return UNKNOWN
        known = self._known
        if not known.begin <= at < known.end:
            known = self._known = self._look(at)
        self._latest = found = known.around(at)
        return found

    def _look(self, at: Millis) -> _Changes:
        """The changes around ``at``, as far ahead as needed for one that is later than ``at``."""
        start = at // 1000 - _DAY_S
        for days in _WINDOWS:
            end = start + days * _DAY_S
            within = list(within_between(self.calendar, self.zone, start, end))
            first = bool(within) and within[0][0] <= start
            changes = [edge * 1000 for span in within for edge in span if start < edge < end]
            if changes and changes[-1] > at:
                return _Changes(start * 1000, changes.pop(), first, changes)
        return _Changes(start * 1000, end * 1000, first, changes)


def within_between(calendar: Calendar, zone: ZoneInfo, start: int, end: int) -> Iterator[Span]:
    """The times within the calendar from ``start`` to ``end`` (seconds since the epoch): in order, none touching."""
    held: Span | None = None
    for begin, stop, offset in _offsets(zone, start, end):
        for span in _on_the_wall(calendar, begin + offset, stop + offset):
            found = (span[0] - offset, span[1] - offset)
            if held is not None and found[0] <= held[1]:
                held = (held[0], max(held[1], found[1]))
                continue
            if held is not None:
                yield held
            held = found
    if held is not None:
        yield held


def _on_the_wall(calendar: Calendar, start: int, end: int) -> Iterator[Span]:
    """The calendar's spans cut to ``start`` and ``end``, in seconds of a clock that is never put forward or back."""
    number = start // _DAY_S - 1
    day, midnight = _EPOCH + timedelta(days=number), number * _DAY_S
    while midnight < end:
        for first, last in sorted(calendar.spans(day)):
            begin, stop = max(midnight + first * _MINUTE_S, start), min(midnight + last * _MINUTE_S, end)
            if begin < stop:
                yield begin, stop
        day += timedelta(days=1)
        midnight += _DAY_S


def _offsets(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The stretches of one offset from UTC: begin, end, offset, in seconds."""
    begin, offset = start, _offset(zone, start)
    for at in range(start + _STEP_S, end + _STEP_S, _STEP_S):
        until = min(at, end)
        later = _offset(zone, until)
        if later != offset:
            change = _change(zone, max(begin, until - _STEP_S), until, offset)
            yield begin, change, offset
            begin, offset = change, later
    if begin < end:
        yield begin, end, offset


def _change(zone: ZoneInfo, before: int, after: int, offset: int) -> int:
    """The second at which the offset stops being ``offset``."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, at: int) -> int:
    ahead = datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
    return 0 if ahead is None else round(ahead.total_seconds())


@functools.lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """The time zone; ``None`` if there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def local_time(zone: ZoneInfo, at: Millis) -> str:
    """What the clock there shows, with its offset: ``2026-03-29T03:00:00+02:00``."""
    return datetime.fromtimestamp(at // 1000, zone).isoformat()
