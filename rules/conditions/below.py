"""``below``: a metric falls below a limit, and with ``clear_above`` stays so until it is well above it again."""

from __future__ import annotations

from typing import Any

from devices.event import Millis
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.metric import OfMetric, read_metric, seen, shown
from rules.reading import Reading
from rules.subject import Subject


class Below(OfMetric):
    """True while the newest number is below ``limit``; once true, until it is above ``clear`` (hysteresis).

    Memory: ``[whether it held]``.
    """

    __slots__ = ("clear", "limit")

    def __init__(self, metric: str, limit: float, clear: float | None, stale_after: Millis) -> None:
        super().__init__(metric, stale_after)
        self.limit = limit
        self.clear = clear

    def fresh(self) -> Memory:
        """Not holding."""
        return [False]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Compare the newest sample; unknown if there is none, it is too old, or it is no number."""
        sample = subject.samples.get(self.metric)
        if sample is None or at - sample[0] > self.stale_after:
            return None
        value = sample[1]
        kind = type(value)
        if kind is not float and kind is not int:
            return None
        if value < self.limit:
            memory[0] = True
            return True
        if memory[0] and self.clear is not None and not value > self.clear:
            return True
        memory[0] = False
        return False

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The value, the limits and the result."""
        limits: dict[str, Any] = (
            {"limit": self.limit} if self.clear is None else {"limit": self.limit, "clear_above": self.clear}
        )
        result = self.on_event(list(memory), subject, at)
        return {"operator": "below", "metric": self.metric, **seen(subject, self.metric), **limits, "result": result}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``temperature 9.4 is below 8``."""
        sample = subject.samples.get(self.metric)
        if sample is None:
            return f"{self.metric} is {'' if holds else 'no longer '}below {shown(self.limit)}"
        value = sample[1]
        if holds and self.clear is not None and type(value) in (int, float) and not value < self.limit:
            return f"{self.metric} {shown(value)} is not yet above {shown(self.clear)}"
        return f"{self.metric} {shown(value)} is {'' if holds else 'no longer '}below {shown(self.limit)}"


def _read(reading: Reading, scope: Scope) -> Condition | None:
    metric = read_metric(reading, "below")
    limit = reading.number("below")
    clear = reading.number("clear_above")
    if limit is not None and clear is not None and clear < limit:
        reading.refuse(
            "clear_above",
            f"'clear_above' {shown(clear)} is on the wrong side of 'below' {shown(limit)}",
            f"write a value higher than {shown(limit)}",
        )
        return None
    if metric is None or limit is None or ("clear_above" in reading and clear is None):
        return None
    return Below(metric, limit, clear, scope.stale_after)


OPERATOR = Operator("below", _read, frozenset({"metric", "clear_above"}))
