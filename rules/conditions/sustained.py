"""``for``: the condition beside it has held without a break, in event time."""

from __future__ import annotations

from typing import Any

from devices.event import Millis
from rules.band import Quiet
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.duration import spoken
from rules.reading import Reading
from rules.subject import NEVER, Subject


class Sustained(Condition):
    """True once ``inner`` has been true for ``duration``, then until it is false.

    Unknown (also: no sample for longer than the rule's ``max_gap``) breaks the count, since nobody knows what
    happened meanwhile. Once the count is complete, unknown changes nothing: only false ends it.
    Memory: ``[true since, whether complete, the inner condition's memory]``.
    """

    __slots__ = ("duration", "inner", "watches")

    timed = True

    def __init__(self, inner: Condition, duration: Millis) -> None:
        self.inner = inner
        self.duration = duration
        self.watches = inner.watches

    def fresh(self) -> Memory:
        """Not counting."""
        return [None, False, self.inner.fresh()]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Start, break or complete the count, after an event."""
        return self._count(memory, self.inner.on_event(memory[2], subject, at), at)

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Complete or break the count, by the passing of time."""
        return self._count(memory, self.inner.on_time(memory[2], subject, at), at)

    def _count(self, memory: Memory, held: Truth, at: Millis) -> Truth:
        if held is False:
            memory[0] = None
            memory[1] = False
            return False
        if memory[1]:
            return held
        if held is None:
            memory[0] = None
            return None
        if memory[0] is None:
            memory[0] = at
        if at - memory[0] < self.duration:
            return False
        memory[1] = True
        return True

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the count completes, or the inner condition may change by itself."""
        inner = self.inner.next_deadline(memory[2], subject, after) if self.inner.timed else NEVER
        if memory[0] is None or memory[1]:
            return inner
        complete: Millis = memory[0] + self.duration
        return min(inner, complete)

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Where the inner condition is quiet, but not while a count runs: a gap would break it."""
        since, complete, remembered = memory
        inner = self.inner.quiet(remembered, subject, at)
        if inner is None or (complete and inner.truth is False):
            return None
        if not complete and (since is not None or inner.truth is True):
            return None
        return inner

    def pending(self, memory: Memory) -> bool:
        """Whether it is counting."""
        return memory[0] is not None and not memory[1]

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """Since when it counts, how long it needs, and what it counts."""
        inner = self.inner.explain(memory[2], subject, at)
        result: Truth = bool(memory[1]) if inner["result"] is not None else None
        count = {"since": memory[0], "duration_ms": self.duration, "result": result}
        return {"operator": "for", **count, "of": [inner]}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``temperature 9.4 is above 8 for 10 min``."""
        inner = self.inner.phrase(memory[2], subject, at, holds=holds)
        return f"{inner} for {spoken(self.duration)}" if holds else inner

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The inner condition's."""
        return self.inner.evidence(memory[2], subject)


def _wrap(reading: Reading, _scope: Scope, inner: Condition) -> Condition | None:
    duration = reading.duration("for")
    if inner.momentary:
        message = "what only happens holds for a moment, never 'for' a time"
        reading.refuse("for", message, "remove 'for', or give an event its end with 'until'", at_key=True)
        return None
    return None if duration is None else Sustained(inner, duration)


OPERATOR = Operator("for", wrap=_wrap, sustains=True)
