"""Which rules concern which devices, and which of them an event touches: worked out once, not for each event."""

from __future__ import annotations

from typing import NamedTuple

from devices.event import DeviceFacts
from rules.band import Band
from rules.calm import Calm
from rules.condition import ANY_DATA, FACTS, LOCATION, MEMBER
from rules.group import BY, kind_of
from rules.rule import Rule, Ruleset

MAX_SHAPES = 256
"""Remembered sets of metric names; a device that sends ever new names costs time, not memory."""
MAX_CALMS = 1024


class Shape(NamedTuple):
    """What readings with the same metric names touch."""

    metrics: tuple[str, ...]
    """Those that a rule watches."""
    rules: tuple[int, ...]
    """Places in ``Plan.rules``, in that order."""


class Plan:
    """The rules of all devices that the same rules concern."""

    __slots__ = ("_calms", "_shapes", "_touched", "located", "places", "rules", "watched", "watching")

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


class Plans:
    """The plans under one rule set; devices that the same rules concern share one."""

    def __init__(self, ruleset: Ruleset) -> None:
        about_devices = ((rule,) if not rule.group_by else rule.members for rule in ruleset.rules)
        self._rules = tuple(rule for rules in about_devices for rule in rules)
        self._of_groups = {by: Plan(tuple(rule for rule in ruleset.rules if rule.group_by == by)) for by in BY}
        self._plans: dict[tuple[int, ...], Plan] = {}

    def plan_for(self, facts: DeviceFacts) -> Plan:
        """The plan of a device or a group."""
        kind = kind_of(facts.id)
        if kind:
            return self._of_groups.get(kind, _NOTHING)
        chosen = tuple(place for place, rule in enumerate(self._rules) if rule.selector.matches(facts))
        plan = self._plans.get(chosen)
        if plan is None:
            plan = self._plans[chosen] = Plan(tuple(self._rules[place] for place in chosen))
        return plan
