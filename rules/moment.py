"""Points in time as people write them: ``now``, ``2h ago``, ``2026-11-22T10:03:00+09:00``."""

from __future__ import annotations

from datetime import UTC, datetime

from devices.event import Millis
from rules.duration import parse_duration

_MEND = "write it like now, 2h ago or 2026-11-22T10:03:00Z"


def parse_moment(text: str, now: Millis) -> Millis:
    """Milliseconds since the epoch of ``text``; a time without a zone is UTC.

    Raises:
        ValueError: it is no point in time, or it has not come yet. The message is ``what is wrong|what to write``.
    """
    words = text.strip()
    if words.lower() == "now":
        return now
    if words.lower().endswith("ago"):
        return now - parse_duration(words[:-3].strip())
    try:
        moment = datetime.fromisoformat(words)
    except ValueError as error:
        raise ValueError(f"'{text}' is no point in time|{_MEND}") from error
    at = round((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if at > now:
        raise ValueError(f"'{text}' has not come yet|{_MEND}")
    return at
