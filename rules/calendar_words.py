"""Calendars as people write them: ``{days: [mon-fri, sun], hours: "09:00-18:00"}``, and stores' opening hours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from rules.calendar import DAY_MINUTES, DAYS, WHOLE_DAY, Calendar, Span, Week
from rules.library import Library
from rules.problem import closest
from rules.reading import Reading
from rules.source import Located
from rules.time_zone import read_time_zone

STORE_HOURS = "store_hours"
"""What is no calendar's name: the opening hours of the store."""
KEYS = ("days", "hours", "from", "to", "except", "time_zone")

_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")
_EVERY_DAY = frozenset(range(7))
_HOURS_MEND = 'write hours: "09:00-18:00", a list of these, or "22:00-06:00" over midnight'
_DAYS_MEND = f"write days: [mon-fri, sun]; days are {', '.join(DAYS)}"


@dataclass(frozen=True, slots=True)
class Written:
    """A calendar and the time zone in which it is meant."""

    calendar: Calendar
    time_zone: str | None
    """A name, ``store``, ``customer``, or ``None`` where nothing is said."""
    said: str = ""
    """As a sentence names it: ``mon-fri 09:00-18:00``."""


def span_of(text: str) -> Span | None:
    """``09:00-18:00`` as minutes; ``22:00-06:00`` ends on the next day; ``None`` if it is no such thing."""
    if _HOURS.fullmatch(text) is None:
        return None
    begin, end = (60 * int(clock[:2]) + int(clock[3:]) for clock in text.split("-"))
    if begin == end:
        return None
    return (begin, end) if begin < end else (begin, end + DAY_MINUTES)


def opening_hours(hours: Mapping[str, Iterable[str]]) -> Calendar | None:
    """A store's ``opening_hours`` as a calendar; ``None`` where they are not known or cannot be read."""
    week: list[tuple[Span, ...]] = []
    for day in DAYS:
        spans = [span_of(text) for text in hours.get(day, ())]
        if None in spans:
            return None
        week.append(tuple(span for span in spans if span is not None))
    return Calendar(tuple(week)) if hours else None


def read_calendar(reading: Reading, *more: str) -> Written | None:
    """The calendar that the mapping describes; ``None`` with its problems noted. ``more``: other keys it may have."""
    noted = len(reading.problems)
    reading.only((*KEYS, *more))
    if not reading.entries.keys() & {"days", "hours", "from", "to"}:
        reading.refuse(None, "this names no time", 'write days: [mon-fri], hours: "09:00-18:00" or from: 2026-12-24')
    week = _read_week(reading)
    first, last = _read_date(reading, "from"), _read_date(reading, "to")
    if first is not None and last is not None and last < first:
        reading.refuse("to", f"'to' {last} lies before 'from' {first}", "write the earlier date first")
    without = frozenset(day for node in _listed(reading, "except") if (day := _date(reading, "except", node)))
    time_zone = read_time_zone(reading)
    if len(reading.problems) > noted:
        return None
    return Written(Calendar(week, first, last, without), time_zone, _said(reading))


def _said(reading: Reading) -> str:
    parts = [", ".join(node.text for node in _listed(reading, key)) for key in ("days", "hours")]
    parts += [f"{key} {reading.entries[key].text}" for key in ("from", "to") if key in reading]
    return " ".join(part for part in parts if part)


def named_calendar(library: Library, name: str) -> Written | None:
    """The calendar of that name, noted as used; ``None`` where there is none, or it cannot be read."""
    definition = library.find("calendars", name)
    return None if definition is None or not isinstance(definition.content, Written) else definition.content


def read_calendar_definition(reading: Reading) -> Written | None:
    """One entry of ``calendars:``; ``None`` with its problems noted."""
    if reading.entries["id"].text == STORE_HOURS:
        reading.refuse("id", f"'{STORE_HOURS}' means the hours of the store itself", "give the calendar another id")
    return read_calendar(reading, "id")


def _read_week(reading: Reading) -> Week:
    spans = tuple(span for node in _listed(reading, "hours") if (span := _span(reading, node))) or (WHOLE_DAY,)
    days = frozenset().union(*(_days(reading, node) for node in _listed(reading, "days"))) or _EVERY_DAY
    return tuple(spans if day in days else () for day in range(7))


def _listed(reading: Reading, key: str) -> list[Located]:
    """The items of a list, or the one item that stands in its place."""
    node = reading.entries.get(key)
    if node is None:
        return []
    if isinstance(node.value, list) and not node.value:
        reading.refuse(key, f"'{key}' is empty", "name at least one, or leave the key out")
    return node.value if isinstance(node.value, list) else [node]


def _span(reading: Reading, node: Located) -> Span | None:
    span = span_of(node.text)
    if span is None:
        same = node.text[:5] == node.text[6:] and len(node.text) > 5  # noqa: PLR2004 - 09:00-09:00
        mend = 'write "00:00-24:00" for the whole day' if same else _HOURS_MEND
        reading.refuse_item("hours", node, f"'{node.text}' are no hours" if node.text else "these are no hours", mend)
    return span


def _days(reading: Reading, node: Located) -> frozenset[int]:
    """The weekdays in ``mon`` or ``fri-mon``, Monday being 0."""
    first, dash, last = node.text.partition("-")
    ends = [first, last] if dash else [first, first]
    strange = [end for end in ends if end not in DAYS]
    if strange:
        reading.refuse_item("days", node, f"'{node.text}' is no day", closest(strange[0][:3].lower(), DAYS, _DAYS_MEND))
        return frozenset()
    begin, end = (DAYS.index(day) for day in ends)
    return frozenset((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _read_date(reading: Reading, key: str) -> date | None:
    node = reading.entries.get(key)
    return None if node is None else _date(reading, key, node)


def _date(reading: Reading, key: str, node: Located) -> date | None:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", node.text):
        try:
            return date.fromisoformat(node.text)
        except ValueError:
            pass  # 2026-02-30
    message = f"'{node.text}' is no date" if node.text else "this is no date"
    reading.refuse_item(key, node, message, "write it like 2026-12-24")
    return None
