"""``equals``: a metric has exactly this value: a number, a truth value or a text."""

from __future__ import annotations

from typing import Any

from devices.event import Millis, Value
from rules.band import ANYTHING, REPEATS, Band, Quiet, above, below
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.metric import OfMetric, read_metric, seen, shown, unknown
from rules.reading import Reading
from rules.subject import Subject


class Equals(OfMetric):
    """True while the newest value equals ``value`` and is of its kind (1 is not ``true``). Remembers nothing."""

    __slots__ = ("value",)

    def __init__(self, metric: str, value: Value, stale_after: Millis) -> None:
        super().__init__(metric, stale_after)
        self.value = value

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Compare the newest sample; unknown if there is none or it is too old."""
        sample = subject.samples.get(self.metric)
        if sample is None or at - sample[0] > self.stale_after:
            return None
        value = sample[1]
        return bool(value == self.value) and (type(value) is bool) == (type(self.value) is bool)

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """The value itself while it holds; else numbers on the same side of it as the newest."""
        truth = self.on_event(memory, subject, at)
        if truth is None:
            return unknown(self.metric, subject, at, self.stale_after)
        return Quiet(truth, {self.metric: REPEATS if truth else self._others(subject.samples[self.metric][1])})

    def _others(self, value: Value) -> Band:
        """Numbers that are as unequal as ``value`` is."""
        wanted = self.value
        if isinstance(wanted, str | bool):
            return ANYTHING
        if isinstance(value, str | bool):
            return REPEATS
        return below(wanted) if value < wanted else above(wanted)

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The value, what it was compared with, and the result."""
        found = {"expected": self.value, "result": self.on_event(memory, subject, at)}
        return {"operator": "equals", "metric": self.metric, **seen(subject, self.metric, self.stale_after), **found}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``door is open``."""
        return f"{self.metric} is {'' if holds else 'no longer '}{shown(self.value)}"


def _read(reading: Reading, scope: Scope) -> Condition | None:
    metric = read_metric(reading, "equals")
    value = reading.scalar("equals")
    return None if metric is None or value is None else Equals(metric, value, scope.stale_after)


OPERATOR = Operator("equals", _read, frozenset({"metric"}))
