"""A number made from the samples of one metric over event time, and the condition that compares it with limits.

A new quantity is one class and one reader: the limits (``above``, ``below``, ``between``, ``clear_below``,
``clear_above``), staleness and ``for`` come with ``read_quantity``.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from functools import partial
from typing import Any

from devices.event import Millis
from rules.condition import Condition, Memory, Scope, Truth
from rules.duration import DAY, SECOND, spoken
from rules.limits import SIDES, Limits, Range, read_limits
from rules.metric import read_metric, seen
from rules.profiles import limit_in
from rules.reading import Reading
from rules.subject import NEVER, Subject

SHORTEST: Millis = SECOND
LONGEST: Millis = 31 * DAY

CONSUMES = frozenset({"above", "below", "between"})
COMPANIONS = frozenset({"metric", *CONSUMES, *(side.clear_key for side in SIDES)})


class Quantity(ABC):
    """What is reckoned from the samples. Made once per rule; what it remembers of a device is a ``Memory``."""

    __slots__ = ()

    name: str
    """The operator's word."""
    in_unit: bool = False
    """Whether it comes in the metric's own unit, in which limits on it may then be written."""
    lasting: bool = False
    """Whether silence is something that it can tell of: else it is unknown where the newest sample is too old."""

    @abstractmethod
    def fresh(self) -> Memory:
        """The memory of a device not seen before. Its size is bounded, however many samples come."""

    @abstractmethod
    def observe(self, memory: Memory, at: Millis, value: float) -> None:
        """Take in a sample of event time ``at``. Times rise from call to call."""

    @abstractmethod
    def number(self, memory: Memory, at: Millis) -> Range | None:
        """What it comes to at ``at``; ``None``: unknown. May forget what has become too old."""

    def next_deadline(self, memory: Memory, after: Millis) -> Millis:
        """The first time later than ``after`` at which ``number`` may be another one without a new sample."""
        return NEVER

    @abstractmethod
    def explain(self, memory: Memory, at: Millis) -> dict[str, Any]:
        """The numbers that it was reckoned from, as JSON; ``number`` was called at ``at`` before."""

    @abstractmethod
    def phrase(self, metric: str, number: float) -> str:
        """``the average power of 15 min is 120``."""


class Compared(Condition):
    """A quantity of one metric within limits.

    Samples count once each, by their own time, also when the device's time is already further on. What is no number
    is passed over. Memory: ``[time of the newest sample taken in, the quantity's memory, the limits' memory]``.
    """

    __slots__ = ("limits", "metric", "quantity", "stale_after", "watches")

    timed = True

    def __init__(self, metric: str, quantity: Quantity, limits: Limits, stale_after: Millis) -> None:
        self.metric = metric
        self.quantity = quantity
        self.limits = limits
        self.stale_after = NEVER if quantity.lasting else stale_after
        self.watches = frozenset({metric})

    def fresh(self) -> Memory:
        """No sample yet."""
        return [None, self.quantity.fresh(), self.limits.fresh()]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Take in the newest sample, if it is new, and compare."""
        sample = subject.samples.get(self.metric)
        if sample is not None and (memory[0] is None or sample[0] > memory[0]):
            kind = type(sample[1])
            if kind is float or kind is int:
                memory[0] = sample[0]
                self.quantity.observe(memory[1], sample[0], float(sample[1]))
        return self.limits.compare(memory[2], self._number(memory, at))

    def _number(self, memory: Memory, at: Millis) -> Range | None:
        found = self.quantity.number(memory[1], at)
        if found is None or math.isnan(found.low) or found.low == math.inf or found.high == -math.inf:
            return None
        stale = memory[0] is not None and at - memory[0] > self.stale_after
        return None if stale else found

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the quantity may change by itself, or the newest sample grows too old."""
        due = self.quantity.next_deadline(memory[1], after)
        if memory[0] is None or self.stale_after == NEVER:
            return due
        stale: Millis = memory[0] + self.stale_after + 1
        return min(due, stale) if stale > after else due

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The number, what it was reckoned from, the limits and the result."""
        memory = copy.deepcopy(memory)
        result = self.on_event(memory, subject, at)
        number = self._number(memory, at)
        about = {"operator": self.quantity.name, "metric": self.metric, **seen(subject, self.metric)}
        reckoned = {"number": _told(number), **self.quantity.explain(memory[1], at)}
        return {**about, **reckoned, **self.limits.explain(), "result": result}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``the average power of 15 min is 120, above 100``."""
        memory = copy.deepcopy(memory)
        self.on_event(memory, subject, at)
        number = _told(self._number(memory, at))
        if number is None:
            return f"the {self.quantity.name} of {self.metric} is {self.limits.phrase(holds=holds)}"
        return f"{self.quantity.phrase(self.metric, number)}, {self.limits.phrase(holds=holds)}"

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The number under ``METRIC_OPERATOR``, such as ``energy_rate``."""
        memory = copy.deepcopy(memory)
        number = _told(self._number(memory, max(subject.last_at, memory[0] or subject.last_at)))
        return {} if number is None else {f"{self.metric}_{self.quantity.name}": number}


def _told(number: Range | None) -> float | None:
    """The number as people are told it: as far as it is known."""
    if number is None:
        return None
    return number.low if math.isfinite(number.low) else number.high if math.isfinite(number.high) else None


def read_quantity(reading: Reading, scope: Scope, quantity: Quantity | None, operator: str) -> Condition | None:
    """The condition that compares ``quantity`` (``None``: its problems are noted) with the limits beside it."""
    metric = read_metric(reading, operator)
    read = partial(limit_in, reading, metric=metric, library=scope.library)
    limits = read_limits(reading, operator, read if quantity is not None and quantity.in_unit else None)
    if metric is None or limits is None or quantity is None:
        return None
    return Compared(metric, quantity, limits, scope.stale_after)


def read_window(reading: Reading, key: str, operator: str) -> Millis | None:
    """The duration under ``key``, as long as a window may be."""
    duration = reading.duration(key)
    if duration is None or SHORTEST <= duration <= LONGEST:
        return duration
    bounds = f"write {spoken(SHORTEST)} to {spoken(LONGEST)}"
    reading.refuse(key, f"an impossible window: '{operator}' cannot look at {spoken(duration)}", bounds)
    return None
