"""Which rules concern which devices, and which of them an event touches: worked out once, not for each event."""

from __future__ import annotations

from typing import NamedTuple

from devices.event import DeviceFacts
from rules.condition import ANY_DATA, LOCATION
from rules.rule import Rule, Ruleset

MAX_SHAPES = 256
"""Remembered sets of metric names; a device that sends ever new names costs time, not memory."""


class Shape(NamedTuple):
    """What readings with the same metric names touch."""

    metrics: tuple[str, ...]
    """Those that a rule watches."""
    rules: tuple[int, ...]
    """Places in ``Plan.rules``, in that order."""


class Plan:
    """The rules of all devices that the same rules concern."""

    __slots__ = ("_shapes", "_touched", "located", "rules", "watched")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        touched: dict[str, list[int]] = {}
        for place, rule in enumerate(rules):
            for key in rule.condition.watches:
                touched.setdefault(key, []).append(place)
        self._touched = {key: tuple(places) for key, places in touched.items()}
        self._shapes: dict[tuple[str, ...], Shape] = {}
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


class Plans:
    """The plans under one rule set; devices that the same rules concern share one."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._rules = ruleset.rules
        self._plans: dict[tuple[int, ...], Plan] = {}

    def plan_for(self, facts: DeviceFacts) -> Plan:
        """The plan of a device."""
        chosen = tuple(place for place, rule in enumerate(self._rules) if rule.selector.matches(facts))
        plan = self._plans.get(chosen)
        if plan is None:
            plan = self._plans[chosen] = Plan(tuple(self._rules[place] for place in chosen))
        return plan
