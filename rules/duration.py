"""Durations as people write them: ``10m``, ``1h30m``, ``90s``, ``7d``, ``00:10:00``; and as sentences say them."""

from __future__ import annotations

import re

from devices.event import Millis

SECOND: Millis = 1000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR
LONGEST: Millis = 3660 * DAY

UNITS: dict[str, Millis] = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}

_PART = r"(\d{1,9}(?:\.\d{1,9})?)(ms|[smhdw])"
_PARTS = re.compile(rf"(?:{_PART})+")
_ONE = re.compile(_PART)
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)")


def parse_duration(text: str) -> Millis:
    """Milliseconds of ``text``.

    Raises:
        ValueError: it is no duration, not longer than 0, or longer than ten years. The message is
            ``what is wrong|what to write``.
    """
    compact = text.replace(" ", "")
    clock = _CLOCK.fullmatch(compact)
    if clock:
        hours, minutes, seconds = map(int, clock.groups())
        total = hours * HOUR + minutes * MINUTE + seconds * SECOND
    elif _PARTS.fullmatch(compact):
        total = round(sum(float(number) * UNITS[unit] for number, unit in _ONE.findall(compact)))
    elif compact.replace(".", "", 1).isdigit():
        raise ValueError(f"'{text}' has no unit|write {text}s for seconds, {text}m for minutes or {text}h for hours")
    else:
        raise ValueError(f"'{text}' is no duration|write it like 90s, 10m, 1h30m, 7d or 00:10:00")
    if not 0 < total <= LONGEST:
        raise ValueError(f"'{text}' is out of range|durations are longer than 0 and at most ten years")
    return total


def spoken(duration: Millis) -> str:
    """``duration`` in at most two units: ``10 min``, ``1 h 30 min``, ``7 days``."""
    for unit, name, part, part_name in (
        (DAY, "days", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", SECOND, "s"),
    ):
        if duration >= unit:
            whole, rest = divmod(duration, unit)
            first = "1 day" if name == "days" and whole == 1 else f"{whole} {name}"
            return f"{first} {rest // part} {part_name}" if rest >= part else first
    return f"{duration / SECOND:g} s"
