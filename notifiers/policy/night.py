"""Local nights: when quiet hours begin and when they end, also when clocks are changed.

A zone's offset from UTC is constant between two of its transitions, so the end of the night is plain arithmetic up to
the next transition; there the arithmetic starts again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from notifiers.policy.settings import QuietHours

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
DAY_MS = 24 * 60 * MINUTE_MS
HALF_DAY = 12 * 60
"""In minutes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@lru_cache(maxsize=1024)
def zone_or_none(name: str) -> ZoneInfo | None:
    """The IANA zone called ``name``, or ``None`` where there is none such. Unknown names are remembered too."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a key at all; a folder of the database, an endless name
        return None


def local_time(now_ms: int, zone: ZoneInfo) -> datetime:
    """The wall clock of ``zone`` at ``now_ms`` (epoch ms)."""
    return (_EPOCH + now_ms * _MILLISECOND).astimezone(zone)


def release_ms(now_ms: int, hours: QuietHours, zone: ZoneInfo) -> int:
    """The first instant at or after ``now_ms`` outside ``hours`` by the wall clock of ``zone`` (epoch ms)."""
    at = now_ms
    while True:
        offset = _offset(at, zone)
        left = _until_end(_time_of_day(at, offset), hours)
        if left == 0:
            return at
        end = at + left
        if _offset(end, zone) == offset:
            return end
        at = _transition(at, end, zone)


def nightfall_ms(now_ms: int, hours: QuietHours, zone: ZoneInfo) -> int:
    """The first instant at or after ``now_ms`` inside ``hours`` by the wall clock of ``zone`` (epoch ms)."""
    return release_ms(now_ms, QuietHours(hours.ends, hours.starts), zone)


def next_at_ms(now_ms: int, minute: int, zone: ZoneInfo) -> int:
    """The first instant after ``now_ms`` at which the clock of ``zone`` shows ``minute`` (after midnight); epoch ms.

    Where clocks jump over it, the end of the jump; where they show it twice, both.
    """
    other = (minute + HALF_DAY) % (2 * HALF_DAY)
    past = release_ms(now_ms, QuietHours(minute, other), zone)
    return release_ms(past, QuietHours(other, minute), zone)


def _offset(now_ms: int, zone: ZoneInfo) -> int:
    offset = local_time(now_ms, zone).utcoffset()
    return 0 if offset is None else offset // _MILLISECOND


def _time_of_day(now_ms: int, offset: int) -> int:
    return (now_ms + offset) % DAY_MS


def _until_end(time_of_day: int, hours: QuietHours) -> int:
    """Ms from ``time_of_day`` to the end of the quiet span; 0 outside of it."""
    starts, ends = hours.starts * MINUTE_MS, hours.ends * MINUTE_MS
    length = (ends - starts) % DAY_MS
    into = (time_of_day - starts) % DAY_MS
    return max(0, length - into)


def _transition(before: int, after: int, zone: ZoneInfo) -> int:
    """The first instant with another offset than ``before`` has; by bisection, transitions lie on whole seconds."""
    offset = _offset(before, zone)
    low, high = before // SECOND_MS, -(-after // SECOND_MS)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle * SECOND_MS, zone) == offset:
            low = middle
        else:
            high = middle
    return high * SECOND_MS
