"""``rate``: how fast a metric changes, per second, minute or hour."""

from __future__ import annotations

import itertools
from typing import Any, Final

from devices.event import Millis
from rules.condition import Condition, Memory, Operator, Scope
from rules.duration import HOUR, MINUTE, SECOND
from rules.limits import Range
from rules.metric import shown
from rules.quantity import COMPANIONS, CONSUMES, Quantity, read_quantity, read_window
from rules.reading import Reading
from rules.subject import NEVER

UNITS: Final = {"second": SECOND, "minute": MINUTE, "hour": HOUR}
DEFAULT_OVER: Millis = 5 * MINUTE
SLOTS = 20
"""Points in ``over``: the first sample of each twentieth counts."""
FEWEST = 3

_MEND = "write rate: per_hour, or rate: {per: hour, over: 30m}"
_SHORT = tuple(f"per_{unit}" for unit in UNITS)

_LAST, _RAW, _TOTAL, _TIMES, _VALUES, _SLOPE = range(6)


class Rate(Quantity):
    """The median of the slopes between all pairs of points (Theil 1950; Sen 1968, J. Am. Stat. Assoc. 63:1379).

    It bears up to 29 % of the points being wrong, and points at irregular times. It is the rate at the newest point,
    over ``over`` before it, and holds until the next one.
    Memory: ``[time of the newest sample, its value, the counter's total, points' times, their values, slope per ms]``.
    """

    __slots__ = ("counter", "max_gap", "over", "slot", "unit")

    name = "rate"

    def __init__(self, unit: str, over: Millis, max_gap: Millis, *, counter: bool) -> None:
        self.unit = unit
        self.over = over
        self.slot = over // SLOTS
        self.max_gap = min(max_gap, over)
        self.counter = counter

    def fresh(self) -> Memory:
        """No points."""
        return [None, None, 0.0, [], [], None]

    def observe(self, memory: Memory, at: Millis, value: float) -> None:
        """Make it a point, if it is the first of its slot. A silence longer than ``max_gap`` starts afresh."""
        if memory[_LAST] is not None and at - memory[_LAST] > self.max_gap:
            memory[:] = self.fresh()
        point = self._climb(memory, value) if self.counter else value
        memory[_LAST] = at
        times, values = memory[_TIMES], memory[_VALUES]
        if times and at // self.slot == times[-1] // self.slot:
            return
        times.append(at)
        values.append(point)
        while at - times[0] > self.over:
            del times[0], values[0]
        memory[_SLOPE] = self._slope(times, values)

    def _climb(self, memory: Memory, value: float) -> float:
        """A counter's total since the first sample; a fall means that it began again at 0."""
        before = memory[_RAW]
        if before is not None:
            memory[_TOTAL] += value - before if value >= before else value
        memory[_RAW] = value
        total: float = memory[_TOTAL]
        return total

    def _slope(self, times: list[Millis], values: list[float]) -> float | None:
        count = len(times)
        if count < FEWEST or 2 * (times[-1] - times[0]) < self.over:
            return None
        pairs = itertools.combinations(zip(times, values, strict=True), 2)
        slopes = sorted((later - value) / (then - at) for (at, value), (then, later) in pairs)
        middle = len(slopes) // 2
        return slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2

    def number(self, memory: Memory, at: Millis) -> Range | None:
        """The rate, unless the points are too few or the newest sample is too old."""
        slope = memory[_SLOPE]
        if slope is None or at - memory[_LAST] > self.max_gap:
            return None
        rate = slope * UNITS[self.unit]
        return Range(rate, rate)

    def next_deadline(self, memory: Memory, after: Millis) -> Millis:
        """When the newest sample grows too old."""
        if memory[_SLOPE] is None:
            return NEVER
        stale: Millis = memory[_LAST] + self.max_gap + 1
        return stale if stale > after else NEVER

    def explain(self, memory: Memory, at: Millis) -> dict[str, Any]:
        """How many points there are, and the time that they span."""
        times = memory[_TIMES]
        span = times[-1] - times[0] if times else 0
        return {"per": self.unit, "over_ms": self.over, "points": len(times), "span_ms": span}

    def phrase(self, metric: str, number: float) -> str:
        """``energy rises by 6.2 per hour``."""
        if number == 0:
            return f"{metric} does not change"
        return f"{metric} {'rises' if number > 0 else 'falls'} by {shown(abs(number))} per {self.unit}"


def _read(reading: Reading, scope: Scope) -> Condition | None:
    return read_quantity(reading, scope, _read_rate(reading, scope), "rate")


def _read_rate(reading: Reading, scope: Scope) -> Rate | None:
    if not isinstance(reading.entries["rate"].value, dict):
        word = reading.choice("rate", _SHORT)
        return None if word is None else Rate(word.removeprefix("per_"), DEFAULT_OVER, scope.max_gap, counter=False)
    rate = reading.mapping("rate", _MEND)
    if rate is None:
        return None
    rate.only(("per", "over", "counter"))
    unit = rate.choice("per", UNITS) if rate.need("per", _MEND) else None
    over = read_window(rate, "over", "rate") if "over" in rate else DEFAULT_OVER
    counter = rate.entries["counter"].value if "counter" in rate else False
    if type(counter) is not bool:
        rate.refuse("counter", "'counter' must be true or false", "write counter: true for a count that only rises")
        return None
    return None if unit is None or over is None else Rate(unit, over, scope.max_gap, counter=counter)


OPERATOR = Operator("rate", _read, COMPANIONS, consumes=CONSUMES)
