"""Groups of devices, such as those of one store. A group is a subject of its own, on a partition of its own.

Its members stand on other partitions. Where the ``where`` of a group condition begins or ends to hold on a device, the
device's fold says so in a ``MemberChanged``, which the worker appends to the group's partition. There the group keeps
the newest word of each member (a ``Ledger``), and its rules count. See docs/decisions/0009-groups-by-derived-events.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from devices.event import DeviceFacts, MemberChanged
from rules.alert import FIRING
from rules.subject import Subject

if TYPE_CHECKING:
    from rules.plan import Plan
    from rules.rule import Rule
    from rules.world import World

BY: Final = ("store", "model", "profile", "owner")
"""The facts by which devices are grouped."""
MAX_SHOWN: Final = 20
"""So many members' values are kept and shown."""
MAX_SILENT: Final = 20_000
"""So many members that do not hold are remembered, so that an old word of theirs is known to be old."""

Order = tuple[int, int, int]


def kind_of(subject_id: str) -> str:
    """What the subject's members have in common; empty for a device, whose id has no ``/``."""
    kind, slash, _ = subject_id.partition("/")
    return kind if slash else ""


def group_of(facts: DeviceFacts, by: str) -> str:
    """The group that the device belongs to, such as ``store/ginza``; empty where it belongs to none."""
    key = getattr(facts, by)
    return f"{by}/{key}" if key else ""


def facts_of(subject_id: str) -> DeviceFacts:
    """What is known of a subject by its id alone: of a group, what its members have in common."""
    kind, _, key = subject_id.partition("/")
    return msgspec.structs.replace(DeviceFacts(subject_id), **({kind: key} if kind in BY and key else {}))


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """The newest word of a member that holds."""

    order: Order
    owner: str | None
    values: dict[str, Any]


class Ledger(msgspec.Struct, array_like=True):
    """The members' newest words on one group condition."""

    rule_id: str
    part: int
    version: str
    """The rule's."""
    holding: dict[str, Entry] = {}
    silent: dict[str, Order] = {}
    """When those that do not hold, or left, said so; the newest last."""

    def knows(self, event: MemberChanged) -> bool:
        """Whether something at least as new was heard of that member."""
        held = self.holding.get(event.member)
        order = self.silent.get(event.member) if held is None else held.order
        return order is not None and event.order <= order

    def note(self, event: MemberChanged) -> None:
        """Take the member's newest word."""
        before = self.holding.pop(event.member, None)
        self.silent.pop(event.member, None)
        if event.holds:
            shown = len(self.holding) < MAX_SHOWN if before is None else bool(before.values)
            self.holding[event.member] = Entry(event.order, event.owner, event.values if shown else {})
            return
        self.silent[event.member] = event.order
        if len(self.silent) > MAX_SILENT:
            del self.silent[next(iter(self.silent))]

    def common_owner(self) -> str | None:
        """The owner of all members that hold, if they have one and the same."""
        owners = {entry.owner for entry in self.holding.values()}
        return owners.pop() if len(owners) == 1 else None


class Group(Subject):
    """A group of devices. Its time is its members' event time."""

    __slots__ = ("ledgers", "told", "waiting")

    def __init__(self, facts: DeviceFacts, world: World, plan: Plan) -> None:
        super().__init__(facts, world, plan)
        self.ledgers: dict[tuple[str, int], Ledger] = {}
        """By rule and which of its group conditions."""
        self.waiting: dict[tuple[str, int, str], MemberChanged] = {}
        """Words said under rules that this partition has not come to yet; the newest of each member."""
        self.told: dict[str, str | None] = {}
        """Rule id to the customer whom the alert that fires, or fired last, concerns."""

    def holding(self, rule_id: str, part: int) -> dict[str, Entry]:
        """The members that hold, in the order in which they said so last."""
        ledger = self.ledgers.get((rule_id, part))
        return {} if ledger is None else ledger.holding

    def hear(self, event: MemberChanged) -> bool:
        """Take a member's word; whether it may change what holds of the group.

        The same word again, and an older one after a newer one, change nothing. A word under rules that are still to
        come waits for them. Under rules that are gone, only an end counts: what began then is said again under the
        rules that hold.
        """
        rule = self._rule(event.rule_id)
        key = (event.rule_id, event.part)
        if rule is not None and rule.version == event.rule_version:
            ledger = self.ledgers.setdefault(key, Ledger(event.rule_id, event.part, rule.version))
        elif event.rules_at > self.world.rules_at:
            self._wait(event)
            return False
        elif event.holds or key not in self.ledgers:
            return False
        else:
            ledger = self.ledgers[key]
        if ledger.knows(event):
            return False
        ledger.note(event)
        return True

    def _wait(self, event: MemberChanged) -> None:
        key = (event.rule_id, event.part, event.member)
        before = self.waiting.get(key)
        if before is None or before.order < event.order:
            self.waiting[key] = event

    def _rule(self, rule_id: str) -> Rule | None:
        return next((rule for rule in self.plan.rules if rule.id == rule_id), None)

    def renew(self) -> None:
        """The rules have changed, and the plan and the slots with them.

        What the members said counts on where the rule is the same, or an alert goes on under its new version: they
        all say anew what holds under that.
        """
        going_on = {slot.rule.id for slot in self.slots if slot is not None and slot.phase == FIRING}
        rules = {rule.id: rule for rule in self.plan.rules}
        for key, ledger in list(self.ledgers.items()):
            rule = rules.get(ledger.rule_id)
            if rule is None or ledger.part >= len(rule.members):
                del self.ledgers[key]
            elif rule.version != ledger.version:
                self.ledgers[key] = Ledger(rule.id, ledger.part, rule.version)
                if rule.id in going_on:
                    self.ledgers[key] = Ledger(rule.id, ledger.part, rule.version, ledger.holding, ledger.silent)
        self.told = {rule_id: owner for rule_id, owner in self.told.items() if rule_id in rules}
        waiting, self.waiting = self.waiting, {}
        for event in waiting.values():
            self.hear(event)

    def restore(self, ledgers: Iterable[Ledger], waiting: Iterable[MemberChanged], told: dict[str, str | None]) -> None:
        """Put back what a checkpoint kept."""
        self.ledgers = {(ledger.rule_id, ledger.part): ledger for ledger in ledgers}
        self.waiting = {(event.rule_id, event.part, event.member): event for event in waiting}
        self.told = told

    def name(self) -> str:
        """What to call it in a sentence: ``Ginza``, ``model freezer-x``."""
        kind, _, key = self.id.partition("/")
        if kind == "store":
            return self.world.name_of(key)
        return key if kind == "owner" else f"{kind} {key}"

    def customer(self, rule: Rule, transition: str) -> str | None:
        """The members' common owner, if they all have the same.

        Whoever hears that it fires hears of its end, but of nothing in between that is about others' devices too.
        """
        told = self.told.get(rule.id)
        if transition == "resolved":
            return told
        owners = {ledger.common_owner() for ledger in self.ledgers.values() if ledger.rule_id == rule.id}
        owner = owners.pop() if len(owners) == 1 else None
        if transition == "firing":
            self.told[rule.id] = owner
            return owner
        return owner if owner == told else None


def new_subject(facts: DeviceFacts, world: World, plan: Plan) -> Subject:
    """A group or a device, as its id says."""
    return Group(facts, world, plan) if kind_of(facts.id) else Subject(facts, world, plan)


def customer_of(subject: Subject, rule: Rule, transition: str) -> str | None:
    """Whom a decision about ``subject`` concerns."""
    return subject.customer(rule, transition) if isinstance(subject, Group) else subject.facts.owner
