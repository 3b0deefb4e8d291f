"""``absent_for``: nothing was heard for a time: of one metric, or of the device at all."""

from __future__ import annotations

from typing import Any

from devices.event import Millis
from rules.condition import ANY_DATA, Condition, Memory, Operator, Scope, Truth
from rules.duration import spoken
from rules.reading import Reading
from rules.subject import LONG_AGO, NEVER, Subject


class AbsentFor(Condition):
    """True once ``duration`` has passed since the newest data. Unknown for a device that never sent any.

    The silence before the rule was there does not count: it starts with the condition's first look.
    Memory: ``[time of the first look]``.
    """

    __slots__ = ("duration", "metric", "watches")

    timed = True

    def __init__(self, metric: str | None, duration: Millis) -> None:
        self.metric = metric
        self.duration = duration
        self.watches = frozenset({ANY_DATA if metric is None else metric})

    def fresh(self) -> Memory:
        """Not looked yet."""
        return [None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Whether the silence has lasted long enough at ``at``."""
        if memory[0] is None:
            memory[0] = at
        since = self._since(memory, subject)
        return None if since is None else at - since >= self.duration

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the silence will have lasted long enough."""
        since = self._since(memory, subject)
        if since is None or since + self.duration <= after:
            return NEVER
        return since + self.duration

    def _since(self, memory: Memory, subject: Subject) -> Millis | None:
        heard = self._heard(subject)
        first = memory[0]
        if heard is None or first is None:
            return None
        return heard if heard > first else int(first)

    def _heard(self, subject: Subject) -> Millis | None:
        if self.metric is None:
            return None if subject.heard_at == LONG_AGO else subject.heard_at
        sample = subject.samples.get(self.metric)
        return None if sample is None else sample[0]

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """When it was last heard, and how long that may be ago."""
        return {
            "operator": "absent_for",
            "metric": self.metric,
            "heard_at": self._heard(subject),
            "duration_ms": self.duration,
            "result": self.on_event(list(memory), subject, at),
        }

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``no data from chiller-7 for 15 min``."""
        what = "data" if self.metric is None else self.metric
        return (
            f"no {what} from {subject.id} for {spoken(self.duration)}" if holds else f"{what} from {subject.id} again"
        )


def _read(reading: Reading, _scope: Scope) -> Condition | None:
    duration = reading.duration("absent_for")
    metric = reading.text("metric")
    if duration is None or ("metric" in reading and metric is None):
        return None
    return AbsentFor(metric, duration)


OPERATOR = Operator("absent_for", _read, frozenset({"metric"}))
