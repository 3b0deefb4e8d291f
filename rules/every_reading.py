"""Reading what stands under ``every``: a period (``3 months``) or a time (``{weekday: mon, at: "09:00"}``)."""

from __future__ import annotations

import calendar
import re
from datetime import time
from typing import Final, NamedTuple

from rules.calendar import DAYS
from rules.duration import HOUR
from rules.problem import closest
from rules.reading import Reading
from rules.recurrence import Pattern, Period
from rules.time_zone import read_time_zone

SERVICED: Final = "serviced"
"""The event that begins a new period, unless the rule names another."""
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LAST: Final = "last"
_UNITS: Final = ("hours", "days", "weeks", "months", "years")
_PATTERN_KEYS: Final = ("weekday", "day", "month")
_PERIOD_KEYS: Final = ("since", "reset_by")
_SHARED_KEYS: Final = ("at", "time_zone")
_TEN_YEARS: Final = {"hours": 87_840, "days": 3660, "weeks": 522, "months": 120, "years": 10}
_LEAP_YEAR = 2000
_COUNTED = re.compile(r"(\d{1,6}) ?(hour|day|week|month|year)s?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_MEND = 'write every: 90d, every: 3 months, {days: 90, since: installed_at} or {weekday: mon, at: "09:00"}'
_AT_MEND = 'write at: "09:00"'
_DAY_MEND = "write day: 1 up to day: 31, or day: last"


class Schedule(NamedTuple):
    """What ``every`` says."""

    when: Period | Pattern
    time_zone: str | None = None
    since: str | None = None
    """The device's attribute that holds the begin of a period."""
    reset_by: str = SERVICED


def read_schedule(reading: Reading) -> Schedule | None:
    """What stands under ``every``; ``None`` after noting what is wrong with it."""
    node = reading.entries["every"]
    if not isinstance(node.value, dict):
        period = _read_words(reading)
        return None if period is None else Schedule(period)
    every = reading.mapping("every", _MEND)
    if every is None:
        return None
    noted = len(every.problems)
    every.only((*_UNITS, *_PATTERN_KEYS, *_PERIOD_KEYS, *_SHARED_KEYS))
    schedule = _read_period(every) if every.entries.keys() & set(_UNITS) else _read_pattern(every)
    return None if len(every.problems) > noted else schedule


def _read_words(reading: Reading) -> Period | None:
    """``90d``, exactly, or ``3 months``, by the calendar."""
    text = reading.entries["every"].text.strip()
    counted = _COUNTED.fullmatch(text)
    if counted is not None:
        return _period(reading, "every", int(counted[1]), f"{counted[2]}s", None)
    exact = reading.duration("every")
    return None if exact is None else Period(text, exact)


def _period(reading: Reading, key: str, count: int, unit: str, clock: time | None) -> Period | None:
    if not 0 < count <= _TEN_YEARS[unit]:
        message = f"{count} {unit} are no period"
        reading.refuse(key, message, f"write 1 to {_TEN_YEARS[unit]} {unit}: periods last at most ten years")
        return None
    said = f"{count} {unit.removesuffix('s') if count == 1 else unit}"
    if unit == "hours":
        return Period(said, exact=count * HOUR)
    days = count * {"days": 1, "weeks": 7}.get(unit, 0)
    return Period(said, days=days, months=count * {"months": 1, "years": 12}.get(unit, 0), clock=clock)


def _read_period(every: Reading) -> Schedule | None:
    units = [unit for unit in _UNITS if unit in every]
    if len(units) > 1:
        every.refuse(units[1], f"a period has one unit, not both {units[0]} and {units[1]}", "keep one of them")
    for key in _PATTERN_KEYS:
        if key in every:
            every.refuse(
                key, f"'{key}' says when, '{units[0]}' how long: a rule needs one of the two", _MEND, at_key=True
            )
    count, unit = every.number(units[0]), units[0]
    if isinstance(count, float):
        every.refuse(unit, f"'{unit}' must be a whole number, not {count:g}", f"write {unit}: {max(1, round(count))}")
    clock = _read_clock(every)
    if clock is not None and unit == "hours":
        every.refuse(
            "at", "a period in hours ends at no fixed time of the day", "write days, or remove 'at'", at_key=True
        )
    since, reset_by, time_zone = every.text("since"), every.text("reset_by"), read_time_zone(every)
    period = _period(every, unit, count, unit, clock) if isinstance(count, int) else None
    return None if period is None else Schedule(period, time_zone, since, reset_by or SERVICED)


def _read_clock(every: Reading) -> time | None:
    text = every.text("at")
    if text is None:
        return None
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        every.refuse("at", f"'{text}' is no time of the day", f"{_AT_MEND}, from 00:00 to 23:59")
        return None
    return time(int(clock[1]), int(clock[2]))


def _read_pattern(every: Reading) -> Schedule | None:
    for key in _PERIOD_KEYS:
        if key in every:
            mend = "remove it, or write a period such as days: 90"
            every.refuse(key, f"'{key}' belongs to a period, and this is a time", mend, at_key=True)
    if not every.need("at", f"{_AT_MEND} beside it, or a period such as days: 90"):
        return None
    clock, time_zone = _read_clock(every), read_time_zone(every)
    weekdays, day, month = _read_weekdays(every), _read_day(every), _read_month(every)
    if weekdays and day is not None:
        every.refuse("day", "a day of the month is not always that day of the week", "keep one of weekday and day")
    if month is not None and day is None and "day" not in every:
        every.refuse("month", "a month has many days", "say which: day: 1 beside it")
    if month is not None and day is not None and _text(every, "day") != LAST:
        _check_date(every, month, day)
    if clock is None:
        return None
    return Schedule(Pattern(_said(every, weekdays, day, month, clock), clock, weekdays, day, month), time_zone)


def _said(every: Reading, weekdays: frozenset[int], day: int | None, month: int | None, clock: time) -> str:
    """The pattern in words."""
    if weekdays:
        days = ", ".join(DAYS[number] for number in sorted(weekdays))
    elif day is None:
        days = "every day"
    else:
        which = "the last day" if _text(every, "day") == LAST else f"day {day}"
        days = f"{which} of {'each month' if month is None else MONTHS[month - 1]}"
    return f"{days} at {clock:%H:%M}"


def _text(every: Reading, key: str) -> str:
    return every.entries[key].text if key in every else ""


def _read_weekdays(every: Reading) -> frozenset[int]:
    node = every.entries.get("weekday")
    if node is None:
        return frozenset()
    words = every.choices("weekday", DAYS) if isinstance(node.value, list) else (every.choice("weekday", DAYS),)
    if isinstance(node.value, list) and not node.value:
        every.refuse("weekday", "no day of the week is named", f"name one of {', '.join(DAYS)}")
    return frozenset(DAYS.index(word) for word in words if word is not None)


def _read_day(every: Reading) -> int | None:
    if "day" not in every:
        return None
    node = every.entries["day"]
    if node.value == LAST:
        return 31
    if type(node.value) is not int or not 1 <= node.value <= 31:  # noqa: PLR2004 - days of a month
        every.refuse("day", f"'{node.text}' is no day of a month" if node.text else "this is no day", _DAY_MEND)
        return None
    return int(node.value)


def _read_month(every: Reading) -> int | None:
    if "month" not in every:
        return None
    node = every.entries["month"]
    if type(node.value) is int and 1 <= node.value <= len(MONTHS):
        return int(node.value)
    if node.value in MONTHS:
        return MONTHS.index(node.value) + 1
    mend = closest(node.text[:3].lower(), MONTHS, f"write 1 to 12, or one of {', '.join(MONTHS)}")
    every.refuse("month", f"'{node.text}' is no month" if node.text else "this is no month", mend)
    return None


def _check_date(every: Reading, month: int, day: int) -> None:
    longest = calendar.monthrange(_LEAP_YEAR, month)[1]
    if day > longest:
        message = f"{MONTHS[month - 1]} has no day {day}"
        every.refuse("day", message, f"write 1 to {longest}, or day: last")
