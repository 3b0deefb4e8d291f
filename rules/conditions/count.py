"""``count`` … ``within``: the condition beside it began to hold so many times within a time."""

from __future__ import annotations

from typing import Any

from devices.event import Millis
from rules.band import Quiet
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.duration import spoken
from rules.occurrence import no_rising, rises
from rules.quantity import read_window
from rules.reading import Reading
from rules.subject import NEVER, Subject

MOST = 1000

_MEND = "write both, such as count: 5, within: 10m"
_FEW = {1: "once", 2: "twice"}


class Counted(Condition):
    """True while at least ``times`` beginnings of ``inner`` are later than ``within`` ago.

    Memory: ``[as rules.occurrence.rises keeps it, the newest beginnings, the inner condition's memory]``.
    """

    __slots__ = ("inner", "times", "watches", "within")

    timed = True
    witnessed = True

    def __init__(self, inner: Condition, times: int, within: Millis) -> None:
        self.inner = inner
        self.times = times
        self.within = within
        self.watches = inner.watches

    def fresh(self) -> Memory:
        """Nothing counted."""
        return [no_rising(), [], self.inner.fresh()]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Count, after an event."""
        return self._count(memory, self.inner.on_event(memory[2], subject, at), at)

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Count, by the passing of time."""
        return self._count(memory, self.inner.on_time(memory[2], subject, at), at)

    def _count(self, memory: Memory, held: Truth, at: Millis) -> Truth:
        rising, beginnings, _ = memory
        if rises(self.inner, rising, held, at):
            beginnings.append(at)
            del beginnings[: -self.times]
        return self._truth(memory, at)

    def _truth(self, memory: Memory, at: Millis) -> Truth:
        """What the memory says, without changing it."""
        rising, beginnings, _ = memory
        if rising[0] is None:
            return None
        return len(beginnings) == self.times and at - beginnings[0] < self.within

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the oldest beginning leaves, or the inner condition may change by itself."""
        inner = self.inner.next_deadline(memory[2], subject, after) if self.inner.timed else NEVER
        beginnings = memory[1]
        if len(beginnings) < self.times or beginnings[0] + self.within <= after:
            return inner
        leaves: Millis = beginnings[0] + self.within
        return min(inner, leaves)

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Where the inner condition stays as it is, and so does not begin to hold."""
        inner = self.inner.quiet(memory[2], subject, at)
        return None if inner is None else Quiet(self._truth(memory, at), inner.bands)

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """How many there were, the oldest and the newest of them, and what is counted."""
        inner = self.inner.explain(memory[2], subject, at)
        recent = [beginning for beginning in memory[1] if at - beginning < self.within]
        span = {"oldest": recent[0] if recent else None, "newest": recent[-1] if recent else None}
        asked = {"count": self.times, "within_ms": self.within}
        found = {"counted": len(recent), **span, "result": self._truth(memory, at)}
        return {"operator": "count", **asked, **found, "of": [inner]}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``chiller-7 reported door-opened, 5 times within 10 min``."""
        held = self.inner.momentary or self.inner.explain(memory[2], subject, at)["result"] is True
        inner = self.inner.phrase(memory[2], subject, at, holds=held)
        times = _FEW.get(self.times, f"{self.times} times")
        return f"{inner}, {'' if holds else 'no longer '}{times} within {spoken(self.within)}"

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The inner condition's."""
        return self.inner.evidence(memory[2], subject)


def _wrap(reading: Reading, _scope: Scope, inner: Condition) -> Condition | None:
    if "sequence" in reading and isinstance(reading.entries["sequence"].value, list):
        mend = "write sequence: {steps: […], within: 10m} and keep the other 'within' for the count"
        reading.refuse("within", "'within' could be the sequence's or the count's", mend, at_key=True)
        return None
    times = reading.number("count")
    if not reading.need("within", _MEND) or times is None:
        return None
    if type(times) is not int or not 1 <= times <= MOST:
        reading.refuse("count", f"'count' cannot be {times}", f"write a whole number from 1 to {MOST}")
        return None
    within = read_window(reading, "within", "count")
    return None if within is None else Counted(inner, times, within)


OPERATOR = Operator("count", keys=frozenset({"within"}), wrap=_wrap)
