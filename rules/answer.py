"""An inquiry in words: what held, and why the rule did not fire."""

from __future__ import annotations

from collections.abc import Callable

from devices.event import Millis
from rules.duration import SECOND, spoken
from rules.explained import utc
from rules.inquiry import Inquiry, Standing
from rules.shortfall import shortfalls

CLOCK_BEHIND_MS = 10 * SECOND
"""Workers write the time once a second: a log whose time is further behind had nobody to write it."""

Clock = Callable[[Millis], str]


def headline(inquiry: Inquiry) -> str:
    """What held, in a few words."""
    return {
        "fires": "the alert was firing",
        "pending": "the alert was pending",
        "true": "the condition was true, the alert was not open",
        "false": "the condition was false",
        "unknown": "the condition was unknown, so nothing fires and nothing resolves",
        "not_concerned": "the rule does not concern this device",
        "no_such_rule": "the rule did not hold then",
        "unknown_device": "nothing was known of the device then",
        "too_long_ago": "the log does not reach back so far",
    }[inquiry.verdict]


def reasons(inquiry: Inquiry, clock: Clock = utc) -> list[str]:
    """Why the alert did not fire, the most telling first; where it fires, since when."""
    return [*_main(inquiry, clock), *_about_time(inquiry, clock), *_about_faults(inquiry)]


def _main(inquiry: Inquiry, clock: Clock) -> list[str]:
    if inquiry.group is not None:
        return _of_member(inquiry, clock)
    if inquiry.verdict == "fires" and inquiry.alert is not None:
        return _of_alert(inquiry.alert, clock)
    if inquiry.verdict == "not_concerned":
        return [str(part) for part in inquiry.unmet]
    if inquiry.verdict == "no_such_rule" and inquiry.rules_known:
        return [f"rules that held: {', '.join(inquiry.rules_known)}"]
    missing = _missing(inquiry, clock)
    if inquiry.verdict == "pending" and not missing:
        return ["true at first sight, which is no crossing: the next event that says so again fires it"]
    if inquiry.alert is not None and inquiry.alert.closed:
        return ["the alert was closed while this was true: it has to be false once before it fires again", *missing]
    return missing


def _of_member(inquiry: Inquiry, clock: Clock) -> list[str]:
    """A rule about groups, asked about one of their devices."""
    if not inquiry.group:
        return ["the rule is about groups, and the device belongs to none", *map(str, inquiry.unmet)]
    where = f"the rule is about groups: ask about {inquiry.group}; told here is the device's own part in it"
    return [where, *map(str, inquiry.unmet), *_missing(inquiry, clock)]


def _of_alert(alert: Standing, clock: Clock) -> list[str]:
    since = "" if alert.since is None else f" since {clock(alert.since)}"
    said = [f"it fires{since}, so it does not fire again until it is resolved"]
    if alert.acknowledged_at is not None:
        said.append(f"acknowledged by {alert.acknowledged_by or 'somebody'} at {clock(alert.acknowledged_at)}")
    if alert.snoozed_until is not None:
        said.append(f"snoozed until {clock(alert.snoozed_until)}: nobody hears of it before")
    if alert.inhibited_by is not None:
        said.append(f"the alert of {alert.inhibited_by} speaks for it: nobody hears of it meanwhile")
    return said


def _missing(inquiry: Inquiry, clock: Clock) -> list[str]:
    return shortfalls(inquiry.explanation, inquiry.at, clock) if inquiry.explanation else []


def _about_time(inquiry: Inquiry, clock: Clock) -> list[str]:
    said = []
    behind = 0 if inquiry.clock is None else inquiry.at - inquiry.clock
    if behind > CLOCK_BEHIND_MS and inquiry.clock is not None:
        said.append(f"the log's own time had come to {clock(inquiry.clock)} only: no worker was there to write it")
    if inquiry.lag:
        said.append(f"the device's clock is {spoken(inquiry.lag)} behind ours, and its timers wait as much")
    return said


def _about_faults(inquiry: Inquiry) -> list[str]:
    if not inquiry.faults:
        return []
    last = inquiry.faults[-1]
    return [f"the rule raised on {len(inquiry.faults)} of the events and was set aside for them, last: {last.error}"]
