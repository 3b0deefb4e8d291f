"""Which rules concern which devices, and which of them an event touches: worked out once, not for each event."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from devices.event import DeviceFacts
from rules.alert import Slot
from rules.band import Band
from rules.calm import Calm
from rules.condition import ANY_DATA, FACTS, LOCATION, MEMBER
from rules.group import BY, kind_of
from rules.index import Index, Likeness
from rules.rule import Rule, Ruleset
from rules.selector import Selector
from rules.slots import Slots, at_rest

MAX_SHAPES = 256
"""Remembered sets of metric names; a device that sends ever new names costs time, not memory."""
MAX_CALMS = 1024
MAX_ALIKE = 65_536
MAX_MOVES = 1024


class Shape(NamedTuple):
    """What readings with the same metric names touch."""

    metrics: tuple[str, ...]
    """Those that a rule watches."""
    rules: tuple[int, ...]
    """Places in ``Plan.rules``, in that order."""


class Plan:
    """The rules of all devices that the same rules concern."""

    __slots__ = ("_calms", "_resting", "_shapes", "_touched", "located", "places", "rules", "watched", "watching")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.places = {rule.id: place for place, rule in enumerate(rules)}
        self.watching = _watching(rules)
        """Rule id to the places of the rules that ask for its alert."""
        touched: dict[str, list[int]] = {}
        for place, keys in enumerate(_watches(rules)):
            for key in keys:
                touched.setdefault(key, []).append(place)
        self._touched = {key: tuple(places) for key, places in touched.items()}
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._resting: dict[int, Slot] = {}
        self._calms: dict[tuple[object, ...], Calm] = {}
        self.watched = frozenset(self._touched)
        self.located = LOCATION in self._touched

    def touched_by(self, *keys: str) -> tuple[int, ...]:
        """The rules that watch one of ``keys``, each once, in order."""
        return tuple(sorted({place for key in keys for place in self._touched.get(key, ())}))

    def shape(self, names: tuple[str, ...]) -> Shape:
        """What a reading of the metrics ``names`` touches."""
        found = self._shapes.get(names)
        if found is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            metrics = tuple(name for name in names if name in self._touched)
            found = self._shapes[names] = Shape(metrics, self.touched_by(ANY_DATA, *metrics))
        return found

    def slots(self) -> Slots:
        """Of a device of which nothing is known yet."""
        return Slots(self)

    def resting(self, place: int) -> Slot:
        """The slot that all devices share where it is at rest; to be looked at only."""
        found = self._resting.get(place)
        if found is None:
            found = self._resting[place] = at_rest(self, place)
        return found

    def wake_up(self, place: int) -> None:
        """The shared slot's memory was written to: the next who asks for it gets a new one."""
        self._resting.pop(place, None)

    def calm(self, bands: dict[str, Band], awake: list[int], timed: list[int]) -> Calm:
        """The calm of these bands; devices in the same situation share one."""
        key = (*bands.items(), *awake, None, *timed)
        found = self._calms.get(key)
        if found is None:
            if len(self._calms) >= MAX_CALMS:
                self._calms.clear()
            found = self._calms[key] = Calm(self, bands, frozenset(awake), tuple(timed))
        return found


def _asked_with(watches: frozenset[str]) -> frozenset[str]:
    """What has to arrive for a rule to be asked: anything, for one that asks only the registry or the clock."""
    return watches | {ANY_DATA} if watches <= {FACTS} or watches == {FACTS, LOCATION} else watches


def _watches(rules: tuple[Rule, ...]) -> list[frozenset[str]]:
    """What touches each rule: what it watches, and what touches the rules whose alerts it asks for.

    Those come before it, so an event that changes an alert is answered by all that ask for it, in the same step.
    """
    found: dict[str, frozenset[str]] = {}
    for rule in rules:
        own = _asked_with(rule.condition.watches) if rule.condition.watches or not rule.mentions else frozenset[str]()
        if rule.group_by:
            own |= {MEMBER + rule.id}
        found[rule.id] = own.union(*(found.get(name, frozenset()) for name in rule.mentions))
    return list(found.values())


def _watching(rules: tuple[Rule, ...]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for place, rule in enumerate(rules):
        for name in rule.mentions:
            found[name] = (*found.get(name, ()), place)
    return found


_NOTHING = Plan(())


class Move(NamedTuple):
    """From one plan to another."""

    kept: dict[int, int]
    """Where the rules stand that say the same in both, by where they stood."""
    changed: dict[int, int]
    """The same for rules of the same name that say something else."""
    gone: tuple[int, ...]
    """Where the others stood."""
    added: tuple[int, ...]
    """Where those stand that are new, or say something else."""


class Plans:
    """The plans under one rule set; devices that the same rules concern share one.

    Args:
        ruleset: the rules that hold.
        before: the plans until now. One that still holds is kept, so that its devices need not be looked at.
    """

    def __init__(self, ruleset: Ruleset, before: Plans | None = None) -> None:
        about_devices = ((rule,) if not rule.group_by else rule.members for rule in ruleset.rules)
        self._rules = tuple(rule for rules in about_devices for rule in rules)
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._known = {} if before is None else before._by_versions()
        self._moves: dict[tuple[Plan, Plan], Move] = {}
        self._of_groups = {by: self._made([rule for rule in ruleset.rules if rule.group_by == by]) for by in BY}
        by_id: list[tuple[int, Selector]] = []
        others: list[tuple[int, Selector]] = []
        for number, rule in enumerate(self._rules):
            (by_id if "id" in rule.selector.texts else others).append((number, rule.selector))
        self._by_id, self._others = Index(by_id), Index(others)
        self._names_ids = bool(by_id)
        self._likeness = Likeness([selector for _, selector in others])
        self._alike: dict[Hashable, tuple[int, ...]] = {}

    def plan_for(self, facts: DeviceFacts) -> Plan:
        """The plan of a device or a group."""
        kind = kind_of(facts.id)
        if kind:
            return self._of_groups.get(kind, _NOTHING)
        chosen = self._concerning_alike(facts)
        if self._names_ids and (own := self._by_id.concerning(facts)):
            chosen = tuple(sorted((*chosen, *own)))
        plan = self._plans.get(chosen)
        if plan is None:
            plan = self._plans[chosen] = self._made([self._rules[number] for number in chosen])
        return plan

    def _concerning_alike(self, facts: DeviceFacts) -> tuple[int, ...]:
        """The rules that ask for no id: the same for all devices that are alike."""
        likeness = self._likeness.of(facts)
        found = self._alike.get(likeness)
        if found is None:
            if len(self._alike) >= MAX_ALIKE:
                self._alike.clear()
            found = self._alike[likeness] = tuple(self._others.concerning(facts))
        return found

    def _made(self, rules: list[Rule]) -> Plan:
        return self._known.get(_versions(rules)) or Plan(tuple(rules))

    def _by_versions(self) -> dict[tuple[str, ...], Plan]:
        plans = (*self._plans.values(), *self._of_groups.values())
        return {_versions(plan.rules): plan for plan in plans}

    def move(self, before: Plan, after: Plan) -> Move:
        """What becomes of the rules of ``before`` under ``after``; worked out once for all devices that go that way."""
        found = self._moves.get((before, after))
        if found is None:
            if len(self._moves) >= MAX_MOVES:
                self._moves.clear()
            found = self._moves[before, after] = _move(before, after)
        return found


def _move(before: Plan, after: Plan) -> Move:
    kept, changed, gone = {}, {}, []
    for place, rule in enumerate(before.rules):
        now = after.places.get(rule.id)
        if now is None:
            gone.append(place)
        elif after.rules[now].version == rule.version:
            kept[place] = now
        else:
            changed[place] = now
    stay = set(kept.values())
    return Move(kept, changed, tuple(gone), tuple(place for place in range(len(after.rules)) if place not in stay))


def _versions(rules: Sequence[Rule]) -> tuple[str, ...]:
    return tuple(rule.version for rule in rules)
