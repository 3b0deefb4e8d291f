"""``between``: a metric lies within two limits, both included."""

from __future__ import annotations

from functools import partial
from typing import Any

from devices.event import Millis
from rules.band import Quiet, above, below
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.limits import read_within
from rules.metric import OfMetric, read_metric, seen, shown, unknown
from rules.profiles import limit_in
from rules.reading import Reading
from rules.subject import Subject


class Between(OfMetric):
    """True while ``low`` ≤ newest number ≤ ``high``. Remembers nothing."""

    __slots__ = ("high", "low")

    def __init__(self, metric: str, low: float, high: float, stale_after: Millis) -> None:
        super().__init__(metric, stale_after)
        self.low = low
        self.high = high

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Compare the newest sample; unknown if there is none, it is too old, or it is no number."""
        sample = subject.samples.get(self.metric)
        if sample is None or at - sample[0] > self.stale_after:
            return None
        value = sample[1]
        if type(value) is not float and type(value) is not int:
            return None
        return self.low <= value <= self.high

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Between the limits, or on the side of them where the newest number lies."""
        truth = self.on_event(memory, subject, at)
        if truth is None:
            return unknown(self.metric, subject, at, self.stale_after)
        if truth:
            return Quiet(True, {self.metric: (self.low, self.high)})
        value = subject.samples[self.metric][1]
        return Quiet(False, {self.metric: below(self.low) if value < self.low else above(self.high)})

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The value, the limits and the result."""
        limits = {"low": self.low, "high": self.high, "result": self.on_event(memory, subject, at)}
        return {"operator": "between", "metric": self.metric, **seen(subject, self.metric, self.stale_after), **limits}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``pressure 3 is between 2 and 8``."""
        sample = subject.samples.get(self.metric)
        value = "" if sample is None else f" {shown(sample[1])}"
        return (
            f"{self.metric}{value} is {'' if holds else 'no longer '}between {shown(self.low)} and {shown(self.high)}"
        )


def _read(reading: Reading, scope: Scope) -> Condition | None:
    metric = read_metric(reading, "between")
    within = read_within(reading, partial(limit_in, reading, metric=metric, library=scope.library))
    return None if metric is None or within is None else Between(metric, within.low, within.high, scope.stale_after)


OPERATOR = Operator("between", _read, frozenset({"metric"}))
