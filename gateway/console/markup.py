"""HTML by hand: small escaped fragments, and how numbers and times are written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

H = Markup
"""``H("<b>{}</b>").format(anything)`` escapes what is put in."""
NOTHING: Final = Markup()

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_EXACT_BELOW = 10_000


def joined(parts: Iterable[Markup], between: str = "") -> Markup:
    """Fragments in a row."""
    return Markup(between).join(parts)  # noqa: S704 - the callers' own text, never data


def number(value: float) -> str:
    """``1234567`` as ``1,234,567``; small fractions keep one digit."""
    if isinstance(value, float) and not value.is_integer() and abs(value) < 100:  # noqa: PLR2004 - beyond it, noise
        return f"{value:.1f}"
    return f"{value:,.0f}"


def short_number(value: int) -> str:
    """``1234567`` as ``1.23 M``."""
    if value < _EXACT_BELOW:
        return f"{value:,}"
    for size, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.3g} {sign}"
    return str(value)


def ago(then: datetime, now: datetime) -> str:
    """How long ago, roughly."""
    seconds = max(0, int((now - then).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h ago"
    return f"{seconds // _DAY} d ago"


def span(milliseconds: float) -> str:
    """A duration in the largest units that say it."""
    left = int(milliseconds // 1000)
    if left < _MINUTE:
        return f"{milliseconds / 1000:g} s"
    words = []
    for size, sign in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        amount, left = divmod(left, size)
        if amount:
            words.append(f"{amount} {sign}")
    return " ".join(words[:2])


def zone_of(name: str) -> tzinfo:
    """The time zone, or UTC where its name is not one (any longer)."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def clock(moment: datetime, zone: tzinfo) -> str:
    """``14:03:22`` there."""
    return moment.astimezone(zone).strftime("%H:%M:%S")


def day_and_clock(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """``14:03``, with its day when that is not today."""
    there = moment.astimezone(zone)
    if there.date() == now.astimezone(zone).date():
        return there.strftime("%H:%M")
    return there.strftime("%-d %b %H:%M")


def day_name(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """``Today``, ``Yesterday`` or the date, there."""
    day, today = moment.astimezone(zone).date(), now.astimezone(zone).date()
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return day.strftime("%A, %-d %B %Y")


def words(code: str) -> str:
    """``open_fault`` as ``open fault``."""
    return code.replace("_", " ")


def value_text(value: Any) -> str:
    """A value of JSON as a person reads it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(value_text(item) for item in value) or "—"
    return str(value)


def facts(pairs: Iterable[tuple[str, Any]], *, narrow: bool = False) -> Markup:
    """Names and values in two columns; what is nested stands indented below its name. ``narrow``: names are short."""
    rows = [_fact(name, value) for name, value in pairs if value not in (None, "", [], {})]
    kind = "facts narrow" if narrow else "facts"
    return H('<dl class="{}">{}</dl>').format(kind, joined(rows)) if rows else NOTHING


def _fact(name: str, value: Any) -> Markup:
    if isinstance(value, Markup):
        shown = value
    elif isinstance(value, dict):
        shown = facts(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        shown = joined(facts(item.items()) if isinstance(item, dict) else H("{}").format(item) for item in value)
    else:
        shown = H("{}").format(value_text(value))
    return H("<div><dt>{}</dt><dd>{}</dd></div>").format(words(name), shown)


def chip(text: str, tone: str = "") -> Markup:
    """A small label."""
    return H('<span class="chip {}">{}</span>').format(tone, text)


def empty(title: str, hint: str) -> Markup:
    """What a list says when there is nothing in it."""
    return H('<div class="empty"><b>{}</b><span>{}</span></div>').format(title, hint)
