"""From when on the past is wanted, as people write it: ``30d``, ``12h``, ``2026-11-01``."""

from __future__ import annotations

from devices.event import Millis
from rules.duration import parse_duration
from rules.moment import parse_moment

_MEND = "write how long ago, like 30d or 12h, or a time like 2026-11-01 or 2026-11-01T08:00:00+09:00"


def parse_since(text: str, now: Millis) -> Millis:
    """Milliseconds since the epoch of ``text``: so long before ``now``, or a time (without a zone: UTC).

    Raises:
        ValueError: it is neither, or it has not come yet. The message is ``what is wrong|what to write``.
    """
    try:
        return now - parse_duration(text)
    except ValueError:
        if text.strip().isdigit():  # only the unit is missing
            raise
    try:
        return parse_moment(text, now)
    except ValueError as error:
        problem, _, _ = str(error).partition("|")
        raise ValueError(f"{problem}|{_MEND}") from error
