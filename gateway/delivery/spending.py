"""Taking the units that messages cost out of the day's budgets, before they are queued.

What is never charged for comes back: ``charge`` notes what each message took, and the changes of its state in
``storage.messages`` say when that is given back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.dialects.postgresql import insert

from gateway.delivery.metrics import GIVEN_BACK, SPENT
from gateway.storage import charges, spending
from gateway.storage.messages import Claimed, New
from gateway.storage.provider_alarms import BUDGET
from gateway.storage.tables import provider_alarms
from notifiers.policy import Money, Suppression
from notifiers.policy.stages.spending import refuse_units
from notifiers.sms.segments import segments

log = structlog.get_logger()

ALARM: Final = "{channel}" + BUDGET
"""Under this name it stands among the providers that need an operator."""


def take(
    connection: Connection, wanted: Sequence[New | Claimed], money: Money, *, vital: bool, now: datetime
) -> Suppression | None:
    """Take what ``wanted`` (messages of one channel) cost today; where a limit is in the way nothing, and say so.

    Args:
        connection: of the caller's transaction, in which nothing is done; another one of its pool is used.
        wanted: the messages, worded.
        money: the operator's limits.
        vital: whether they may draw on the reserve.
        now: the present, UTC; its date is the day.
    """
    if not wanted or not money.counts(wanted[0].channel):
        return None
    channel, day, units = wanted[0].channel, _day(now), Counter[str]()
    for message in wanted:
        units[message.address] += cost(channel, message.body)
    return _take(connection.engine, day, channel, units, money, vital=vital)


def charge(connection: Connection, paid: Sequence[New | Claimed], money: Money, now: datetime) -> None:
    """Note what ``take`` took for ``paid``, once they are queued, in the transaction that queues them."""
    if paid and money.counts(paid[0].channel):
        charges.add(connection, _day(now), {each.id: cost(each.channel, each.body) for each in paid})


def cost(channel: str, body: str) -> int:
    """Units of one message: SMS segments, else 1."""
    return segments(body).parts if channel == "sms" else 1


def _take(
    engine: Engine, day: date, channel: str, units: Counter[str], money: Money, *, vital: bool
) -> Suppression | None:
    numbers = list(units) if channel == "sms" else []
    with engine.begin() as alone:
        spending.wait_alone(alone)
        for change in spending.settle(alone, day):
            if change.units < 0:
                GIVEN_BACK.labels(change.channel).inc(-change.units)
        spent = spending.read(alone, day, [channel], numbers)
        no = refuse_units(money, spent, channel, units, vital=vital)
        budget, used = money.daily_budget.get(channel), spent.channels.get(channel, 0)
        if no is None:
            used += units.total()
            if spending.add(alone, day, channel, units):
                _new_day(alone, day, channel)
            SPENT.labels(channel).inc(units.total())
        if budget is not None and (used >= budget or (no is not None and no.inputs.get("budget"))):
            _alarm(alone, day, channel, budget, money.limit(channel, vital=True) or budget)
    return no


def review(connection: Connection, money: Money, now: datetime) -> None:
    """End the alarms of budgets that are not used up by the settings of now: an operator has raised or removed them."""
    raised = connection.execute(select(provider_alarms.c.provider)).scalars()
    for channel in [name.removesuffix(BUDGET) for name in raised if name.endswith(BUDGET)]:
        budget = money.daily_budget.get(channel)
        used = spending.read(connection, _day(now), [channel], []).channels.get(channel, 0)
        if budget is None or used < budget:
            _end_alarm(connection, channel)


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _new_day(connection: Connection, day: date, channel: str) -> None:
    _end_alarm(connection, channel)
    spending.forget(connection, day)


def _end_alarm(connection: Connection, channel: str) -> None:
    connection.execute(delete(provider_alarms).where(provider_alarms.c.provider == ALARM.format(channel=channel)))


def _alarm(connection: Connection, day: date, channel: str, budget: int, reserved: int) -> None:
    """Once a day: the budget is used up."""
    tomorrow = day + timedelta(days=1)
    unit = "segments" if channel == "sms" else "messages"
    reason = (
        f"the budget of {budget} {unit} for {day} is used up: until {tomorrow} 00:00 UTC only vital messages go out, "
        f"from a reserve of {reserved - budget}, and what fits into units that are given back"
    )
    name = ALARM.format(channel=channel)
    raised = insert(provider_alarms).values(provider=name, reason=reason).on_conflict_do_nothing()
    if connection.execute(raised.returning(provider_alarms.c.provider)).first() is not None:
        log.error("budget.used_up", channel=channel, budget=budget, day=str(day))
