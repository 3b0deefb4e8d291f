"""Is there money left for it today?"""

from __future__ import annotations

from collections.abc import Mapping

from notifiers.channel_names import within
from notifiers.policy.limits import Exceeded, Money, Spent, exceeded
from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact
from notifiers.policy.stages.addresses import masked

_REASONS = {"budget": Reason.BUDGET_USED_UP, "number": Reason.NUMBER_CAP, "prefix": Reason.PREFIX_CAP}


def refuse_overspent(contact: Contact, channel: str, addresses: tuple[str, ...]) -> Suppression | None:
    """A limit of today leaves no room for even the shortest message to each of ``addresses``."""
    units = dict.fromkeys(addresses, 1)
    return refuse_units(contact.settings.money, contact.history.spent, channel, units, vital=contact.vital)


def refuse_units(
    money: Money, spent: Spent, channel: str, units: Mapping[str, int], *, vital: bool
) -> Suppression | None:
    """A limit of today leaves no room for ``units`` by address."""
    over = exceeded(money, spent, channel, units, vital=vital)
    if over is None:
        return None
    shown = over.key if over.limit == "budget" else masked(over.key)
    inputs = {
        "channel": channel,
        over.limit: shown,
        "used": over.used,
        "allowed": over.allowed,
        "wanted": sum(units.values()),
        "vital": vital,
    }
    return Suppression(channel, _REASONS[over.limit], _detail(channel, over, vital=vital), inputs)


def _detail(channel: str, over: Exceeded, *, vital: bool) -> str:
    unit = "segments" if channel == "sms" else "messages"
    said = f"{over.used} of {over.allowed} {unit}"
    if over.limit == "budget":
        purse = "budget and reserve" if vital else "budget"
        return f"Today's {purse} for {within(channel)} leaves no room: {said} are used."
    whose = "this number" if over.limit == "number" else "numbers that begin like this one"
    return f"As many SMS as are allowed went to {whose} today: {said}."
