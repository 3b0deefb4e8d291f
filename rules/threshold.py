"""A limit on one metric with hysteresis: what ``above`` and ``below`` have in common, which is all but the side."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from devices.event import Millis
from rules.band import Band, Quiet, above, below
from rules.condition import Condition, Memory, Scope, Truth
from rules.limits import Side, read_beyond
from rules.metric import OfMetric, read_metric, seen, shown, unknown
from rules.profiles import limit_in
from rules.reading import Reading
from rules.subject import Subject


class Threshold(OfMetric):
    """True while the newest number is beyond ``limit``; once true, until it is on the other side of ``clear``.

    Memory: ``[whether it held]``.
    """

    __slots__ = ("_free", "_held", "clear", "limit", "side", "sign", "signed_clear", "signed_limit")

    def __init__(self, side: Side, metric: str, limit: float, clear: float | None, stale_after: Millis) -> None:
        super().__init__(metric, stale_after)
        self.side = side
        self.limit = limit
        self.clear = clear
        # With its sign turned, `below` is `above`: one comparison serves both.
        self.sign = side.sign
        self.signed_limit = side.sign * limit
        self.signed_clear = None if clear is None else side.sign * clear
        self._free = Quiet(False, {metric: _up_to(side, limit)})
        self._held = Quiet(True, {metric: _beyond(side, limit) if clear is None else _from(side, clear)})

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
        signed = self.sign * value
        if signed > self.signed_limit:
            memory[0] = True
            return True
        if memory[0] and self.signed_clear is not None and not signed < self.signed_clear:
            return True
        memory[0] = False
        return False

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Its own side of the limit; while it holds, of the clearing limit."""
        held = [memory[0]]
        truth = self.on_event(held, subject, at)
        if truth is None:
            return unknown(self.metric, subject, at, self.stale_after)
        if held[0] is not memory[0]:
            return None
        return self._held if truth else self._free

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The value, the limits and the result."""
        limits = {"limit": self.limit}
        if self.clear is not None:
            limits[self.side.clear_key] = self.clear
        result = self.on_event(list(memory), subject, at)
        about = {"operator": self.side.operator, "metric": self.metric, **seen(subject, self.metric, self.stale_after)}
        return {**about, **limits, "result": result}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``temperature 9.4 is above 8``."""
        sample = subject.samples.get(self.metric)
        relation = f"is {'' if holds else 'no longer '}{self.side.operator} {shown(self.limit)}"
        if sample is None:
            return f"{self.metric} {relation}"
        value = sample[1]
        is_number = type(value) in (int, float)
        if holds and self.clear is not None and is_number and not self.sign * value > self.signed_limit:
            return f"{self.metric} {shown(value)} is not yet {self.side.opposite} {shown(self.clear)}"
        return f"{self.metric} {shown(value)} {relation}"


def _beyond(side: Side, limit: float) -> Band:
    return above(limit) if side.sign > 0 else below(limit)


def _from(side: Side, limit: float) -> Band:
    return (limit, math.inf) if side.sign > 0 else (-math.inf, limit)


def _up_to(side: Side, limit: float) -> Band:
    return (-math.inf, limit) if side.sign > 0 else (limit, math.inf)


def read_threshold(reading: Reading, scope: Scope, side: Side) -> Condition | None:
    """The threshold that the document describes, or ``None`` with the problems noted in ``reading``."""
    metric = read_metric(reading, side.operator)
    beyond = read_beyond(reading, side, partial(limit_in, reading, metric=metric, library=scope.library))
    if metric is None or beyond is None:
        return None
    return Threshold(side, metric, beyond.limit, beyond.clear, scope.stale_after)
