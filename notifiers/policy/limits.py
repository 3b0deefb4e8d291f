"""How often people may be contacted, and how much that may cost: the limits, and what counts against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from notifiers.channel_names import within

SEVERITIES = frozenset({"critical", "major", "minor", "warning", "info"})

_HOUR_MS = 60 * 60 * 1000
_DAY_MS = 24 * _HOUR_MS


class Cap(msgspec.Struct, frozen=True):
    """A frequency cap: so many contacts with one person in any span of ``per_ms``, not by the calendar's day.

    A contact counts once however many messages it takes, on every channel that it was tried on. What was taken back
    before it left does not count.
    """

    at_most: int
    per_ms: int
    purpose: str | None = None
    """``None``: contacts of all purposes count, and all are limited."""
    channel: str | None = None
    """``None``: a contact counts whatever its channels, and is refused as a whole."""

    def __post_init__(self) -> None:
        """Refuse caps that say nothing."""
        if self.at_most < 1:
            raise ValueError("at_most must be 1 or more")
        if self.per_ms < 1:
            raise ValueError("per must be longer than 0")

    def __str__(self) -> str:
        of = f" of purpose {self.purpose}" if self.purpose else ""
        by = f" by {within(self.channel)}" if self.channel else ""
        contacts = "contact" if self.at_most == 1 else "contacts"
        return f"{self.at_most} {contacts}{of}{by} in {_span(self.per_ms)}"


class Begun(msgspec.Struct, frozen=True):
    """The contacts with a customer that count against one cap."""

    cap: Cap
    at_ms: tuple[int, ...] = ()
    """When each last queued a message that counts (epoch ms); the newest ``cap.at_most`` suffice."""


class Money(msgspec.Struct, frozen=True):
    """What may be spent in a day (UTC). Units are SMS segments, and messages on other channels."""

    daily_budget: dict[str, int] = {}
    """By channel; a channel that is not named has no limit."""
    daily_reserve: dict[str, int] = {}
    """Beyond the budget, for vital messages alone; a channel that is not named: as much again as its budget."""
    sms_per_number: int | None = None
    """Segments to one number in a day; vital messages pass."""
    sms_per_prefix: int | None = None
    """Segments in a day to numbers that differ in nothing but the last ``PREFIX_LEAVES`` digits; vital ones pass."""
    sms_cost: dict[str, float] = {}
    """Price of a segment by ISO 3166 country; ``"*"``: of any other."""

    def limit(self, channel: str, *, vital: bool) -> int | None:
        """Units of ``channel`` in a day; ``None``: as many as it takes."""
        budget = self.daily_budget.get(channel)
        if budget is None:
            return None
        return budget + self.daily_reserve.get(channel, budget) if vital else budget

    def counts(self, channel: str) -> bool:
        """Whether anything limits what is spent on ``channel``, so that it must be counted."""
        by_number = self.sms_per_number is not None or self.sms_per_prefix is not None
        return channel in self.daily_budget or (channel == "sms" and by_number)

    @property
    def limits_something(self) -> bool:
        """Whether anything has to be counted at all."""
        return self.counts("sms") or bool(self.daily_budget)

    def price(self, country: str | None) -> float | None:
        """Of one SMS segment to ``country``; ``None`` where it is not known."""
        return self.sms_cost.get(country or "", self.sms_cost.get("*"))


PREFIX_LEAVES = 3
"""Pumped numbers come in blocks: a thousand of them share all but their last three digits."""


def prefix_of(number: str) -> str:
    """The block of numbers in which ``number`` (E.164) lies."""
    return number[:-PREFIX_LEAVES]


def _span(ms: int) -> str:
    for unit, name in ((_DAY_MS, "days"), (_HOUR_MS, "hours"), (60_000, "minutes")):
        if ms % unit == 0:
            count = ms // unit
            return f"{count} {name}" if count > 1 else f"1 {name[:-1]}"
    return f"{ms / 1000:g} seconds"


class Spent(msgspec.Struct, frozen=True):
    """Units taken today, UTC, as far as they matter to one contact."""

    channels: dict[str, int] = {}
    numbers: dict[str, int] = {}
    prefixes: dict[str, int] = {}


class Exceeded(NamedTuple):
    """A limit that would be exceeded."""

    limit: Literal["budget", "number", "prefix"]
    key: str
    """The channel, the number or the block of numbers."""
    used: int
    allowed: int


def exceeded(money: Money, spent: Spent, channel: str, units: Mapping[str, int], *, vital: bool) -> Exceeded | None:
    """The first limit that is in the way of ``units`` by address on ``channel``; ``None``: there is room for all."""
    used, allowed = spent.channels.get(channel, 0), money.limit(channel, vital=vital)
    if allowed is not None and used + sum(units.values()) > allowed:
        return Exceeded("budget", channel, used, allowed)
    if channel != "sms" or vital:
        return None
    return _over("number", units, spent.numbers, money.sms_per_number) or _over(
        "prefix", by_prefix(units), spent.prefixes, money.sms_per_prefix
    )


def by_prefix(units: Mapping[str, int]) -> dict[str, int]:
    """Units by number brought together by block of numbers."""
    found: dict[str, int] = {}
    for number, count in units.items():
        found[prefix_of(number)] = found.get(prefix_of(number), 0) + count
    return found


def _over(
    limit: Literal["number", "prefix"], units: Mapping[str, int], spent: Mapping[str, int], allowed: int | None
) -> Exceeded | None:
    if allowed is None:
        return None
    for key, count in units.items():
        used = spent.get(key, 0)
        if used + count > allowed:
            return Exceeded(limit, key, used, allowed)
    return None
