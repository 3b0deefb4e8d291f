"""What comes again: after a period, or at a time by the clock on the wall.

A time that does not exist on a day, because clocks are put forward over it, is the first moment after; one that exists
twice is the first of the two. A day that a month does not have is that month's last.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from devices.event import Millis
from rules.subject import NEVER

_KNOWN = range(-2_208_988_800_000, 221_845_392_000_000)
"""Moments (ms) whose dates can be reckoned with: from 1900 to 9000."""
_MONTHS = 12


class Period(NamedTuple):
    """A time that passes: an exact one, or days and months of the calendar, which end at the same time of the day."""

    said: str
    """As the rule says it."""
    exact: Millis = 0
    days: int = 0
    months: int = 0
    clock: time | None = None
    """Instead of the same time of the day."""

    def after(self, zone: ZoneInfo, at: Millis) -> Millis:
        """When it is over, if it begins at ``at``."""
        if at not in _KNOWN:
            return NEVER
        if not self.days and not self.months:
            return at + self.exact
        wall = wall_time(zone, at)
        day = _months_later(wall.date(), self.months) + timedelta(days=self.days)
        return instant(zone, datetime.combine(day, self.clock or wall.time()))


class Pattern(NamedTuple):
    """Times of the clock on the wall: every day, or on some of them."""

    said: str
    clock: time
    weekdays: frozenset[int] = frozenset()
    """Monday is 0; empty: any."""
    day: int | None = None
    """Of the month, from 1 to 31."""
    month: int | None = None
    """From 1 to 12; with ``day``."""

    def after(self, zone: ZoneInfo, at: Millis) -> Millis:
        """The first such moment later than ``at``."""
        if at not in _KNOWN:
            return NEVER
        # A clock put back can bring yesterday's date again: begin a day early.
        start = wall_time(zone, at).date() - timedelta(days=1)
        for day in self._days(start):
            moment = instant(zone, datetime.combine(day, self.clock))
            if moment > at:
                return moment
        return NEVER

    def _days(self, start: date) -> Iterator[date]:
        """The days that are meant, from ``start`` or a little earlier on."""
        if self.day is None:
            for ahead in range(10):
                day = start + timedelta(days=ahead)
                if not self.weekdays or day.weekday() in self.weekdays:
                    yield day
            return
        for ahead in range(3 if self.month is None else 2 * _MONTHS + 1):
            month = _months_later(start.replace(day=1), ahead)
            if self.month is None or month.month == self.month:
                yield _on_day(month.year, month.month, self.day)


def wall_time(zone: ZoneInfo, at: Millis) -> datetime:
    """What the clock there shows at ``at``, without its offset."""
    return (
        (datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000))
        .astimezone(zone)
        .replace(tzinfo=None, fold=0)
    )


def instant(zone: ZoneInfo, wall: datetime) -> Millis:
    """When the clock there shows ``wall`` (without an offset): see the module's text for what is not or is twice."""
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    offset, later_offset = first.utcoffset(), second.utcoffset()
    if offset is None or later_offset is None or offset >= later_offset:
        return _millis(first)
    # In a gap the two readings lie on either side of the change, the later offset's one before it.
    before, after = _millis(second), _millis(first)
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle / 1000, UTC).astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _millis(moment: datetime) -> Millis:
    since = moment.astimezone(UTC) - datetime.fromtimestamp(0, UTC)
    return since // timedelta(milliseconds=1)


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, _MONTHS)
    return _on_day(day.year + years, month + 1, day.day)


def _on_day(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
