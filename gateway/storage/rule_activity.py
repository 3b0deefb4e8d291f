"""How often each rule spoke: counted from the decisions, by day (UTC, of event time)."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, select

from gateway.storage.tables import alerts, decisions

DAY_MS = 86_400_000


class Activity(msgspec.Struct, frozen=True):
    """One rule's alerts."""

    daily: tuple[int, ...]
    """Episodes that began, a number a day, the oldest day first; the last one is today."""
    firing: int
    """Episodes that have not ended."""
    last_at: int | None
    """When the newest of the counted episodes began, ms."""


QUIET = Activity((), 0, None)


def activity(connection: Connection, *, now: int, days: int, rule_id: str | None = None) -> dict[str, Activity]:
    """By rule id; a rule that never spoke in that time and is not firing is left out.

    Args:
        connection: to read by.
        now: ms; its UTC day is the last one counted.
        days: how many days to count.
        rule_id: only this rule.
    """
    first_day = now // DAY_MS - days + 1
    day = (decisions.c.at // DAY_MS).label("day")
    begun = (
        select(decisions.c.rule_id, day, func.count(), func.max(decisions.c.at))
        .where(decisions.c.transition == "firing", decisions.c.at >= first_day * DAY_MS)
        .group_by(decisions.c.rule_id, day)
    )
    open_now = select(alerts.c.rule_id, func.count()).where(alerts.c.state == "firing").group_by(alerts.c.rule_id)
    if rule_id is not None:
        begun = begun.where(decisions.c.rule_id == rule_id)
        open_now = open_now.where(alerts.c.rule_id == rule_id)
    daily: dict[str, list[int]] = {}
    newest: dict[str, int] = {}
    for each, on, count, last_at in connection.execute(begun):
        place = int(on) - first_day
        if place < days:  # a device whose clock is ahead
            daily.setdefault(each, [0] * days)[place] = count
            newest[each] = max(newest.get(each, 0), last_at)
    firing: dict[str, int] = dict(connection.execute(open_now).all())
    return {
        each: Activity(tuple(daily.get(each, [0] * days)), firing.get(each, 0), newest.get(each))
        for each in daily.keys() | firing.keys()
    }
