"""``group``: so many devices of one store, model, profile or owner at once."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

from devices.event import Millis
from rules.condition import MEMBER, Condition, Memory, Operator, Scope, Truth
from rules.group import BY, MAX_SHOWN, Entry, Group
from rules.mentions import GroupPart
from rules.metric import shown
from rules.reading import Reading
from rules.subject import Subject

MAX_NAMED = 5
"""So many members are named in a sentence."""
_MEND = "write group: {by: store, at_least: 3, where: {metric: temperature, above: -15}}"


class GroupCount(Condition):
    """True while ``where`` holds on ``at_least`` members. A member on which it is unknown stays what it was.

    It remembers nothing itself: the members' words are the group's, as samples are a device's.
    """

    __slots__ = ("at_least", "by", "part", "rule_id")

    watches = frozenset({MEMBER})
    witnessed = True

    def __init__(self, rule_id: str, part: int, by: str, at_least: int) -> None:
        self.rule_id = rule_id
        self.part = part
        self.by = by
        self.at_least = at_least

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Count."""
        return len(self._holding(subject)) >= self.at_least if isinstance(subject, Group) else None

    def _holding(self, subject: Subject) -> dict[str, Entry]:
        return subject.holding(self.rule_id, self.part) if isinstance(subject, Group) else {}

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """How many hold, and which: the first of them with their values."""
        holding = self._holding(subject)
        return {
            "operator": "group",
            "group": subject.id,
            "at_least": self.at_least,
            "count": len(holding),
            "members": _shown(holding),
            "result": self.on_event(memory, subject, at),
        }

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``3 of the devices of Ginza: freezer-1 (temperature -9), …``."""
        holding = self._holding(subject)
        devices = f"of the devices of {subject.name()}" if isinstance(subject, Group) else "devices"
        if not holding:
            return f"none {devices} {'' if holds else 'any more'}".rstrip()
        few = "" if holds else "only "
        return f"{few}{len(holding)} {devices}{'' if holds else ' still'}: {_named(holding)}"

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The group, how many hold, and the first of them with their values."""
        holding = self._holding(subject)
        name = subject.name() if isinstance(subject, Group) else subject.id
        return {"group": subject.id, "group_name": name, "count": len(holding), "members": _shown(holding)}


def _shown(holding: dict[str, Entry]) -> dict[str, dict[str, Any]]:
    return {member: entry.values for member, entry in islice(holding.items(), MAX_SHOWN)}


def _named(holding: dict[str, Entry]) -> str:
    names = [_with_values(member, entry) for member, entry in islice(holding.items(), MAX_NAMED)]
    more = len(holding) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _with_values(member: str, entry: Entry) -> str:
    values = ", ".join(f"{name} {shown(value)}" for name, value in islice(entry.values.items(), 2))
    return f"{member} ({values})" if values else member


def _read(rule: Reading, scope: Scope) -> Condition | None:
    reading = rule.mapping("group", _MEND)
    if reading is None:
        return None
    reading.only(("by", "at_least", "where"))
    if scope.member:
        message = "a group cannot be counted inside of a group"
        rule.refuse("group", message, "write a rule for the inner group, and ask for it with 'firing'", at_key=True)
        return None
    present = all([reading.need("by", "write by: store"), reading.need("where", _MEND)])
    by = reading.choice("by", BY)
    at_least = _read_count(reading)
    inner = replace(scope, member=True, sustained=False)
    where = scope.read(reading.entries["where"], reading.place("where"), inner) if "where" in reading else None
    if where is not None and where.momentary:
        message = "what only happens holds for a moment, so no two devices would hold at once"
        reading.refuse("where", message, "say for how long it counts: {count: 1, within: 10m, …}")
        return None
    if not present or by is None or at_least is None or where is None:
        return None
    scope.mentions.groups.append(GroupPart(by, where, reading))
    return GroupCount(scope.mentions.rule_id, len(scope.mentions.groups) - 1, by, at_least)


def _read_count(reading: Reading) -> int | None:
    if not reading.need("at_least", "write at_least: 3, a number of devices"):
        return None
    number = reading.number("at_least")
    if number is None:
        return None
    if type(number) is not int or number < 1:
        message = f"'at_least' must be a whole number from 1, not {shown(number)}"
        reading.refuse("at_least", message, "write at_least: 3")
        return None
    return number


OPERATOR = Operator("group", _read)
