"""``changed``: a metric's value is another one than before."""

from __future__ import annotations

from typing import Any

from devices.event import Millis, Value
from rules.band import REPEATS, Quiet
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.metric import read_metric, same, seen, shown, unknown
from rules.occurrence import Momentary
from rules.reading import Reading
from rules.subject import NEVER, Subject

_MEND = "write changed: true, or changed: {from: auto, to: manual}"
_ANY: Any = object()


class Changed(Momentary):
    """True at the sample that differs from the one before. The first sample is no change.

    Memory: ``[when it changed, the value before that, the newest value; the last two only once there is one]``.
    """

    __slots__ = ("after", "before", "metric", "watches")

    def __init__(self, metric: str, before: Value | Any = _ANY, after: Value | Any = _ANY) -> None:
        self.metric = metric
        self.before = before
        self.after = after
        self.watches = frozenset({metric})

    def fresh(self) -> Memory:
        """No value yet."""
        return [None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Compare the newest sample with the value before it."""
        sample = subject.samples.get(self.metric)
        if sample is None:
            return None
        value = sample[1]
        if len(memory) == 1:
            memory += [None, value]
        elif not same(value, memory[2]):
            if self._meant(memory[2], value):
                memory[:2] = [at, memory[2]]
            memory[2] = value
        return bool(memory[0] == at)

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """The same value again; not at the moment of the change."""
        truth = self.on_event(memory, subject, at)
        if truth is None:
            return unknown(self.metric, subject, at, NEVER)
        return None if truth else Quiet(False, {self.metric: REPEATS})

    def _meant(self, before: Value, after: Value) -> bool:
        return (self.before is _ANY or same(before, self.before)) and (self.after is _ANY or same(after, self.after))

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The value, the one before the newest change that is meant, and when that was."""
        memory = list(memory)
        result = self.on_event(memory, subject, at)
        asked = {key: value for key, value in (("from", self.before), ("to", self.after)) if value is not _ANY}
        before = memory[1] if len(memory) > 1 else None
        found = {**seen(subject, self.metric), "before": before, "changed_at": memory[0], "result": result}
        return {"operator": "changed", "metric": self.metric, **asked, **found}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``mode changed from auto to manual``."""
        memory = list(memory)
        if not self.on_event(memory, subject, at):
            return f"{self.metric} changes no more" if memory[0] is not None else f"{self.metric} did not change"
        return f"{self.metric} changed from {shown(memory[1])} to {shown(memory[2])}"

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The value before, under ``METRIC_before``."""
        return {} if memory[0] is None else {f"{self.metric}_before": memory[1]}


def _read(reading: Reading, _scope: Scope) -> Condition | None:
    metric = read_metric(reading, "changed")
    node = reading.entries["changed"]
    if node.value is True:
        return None if metric is None else Changed(metric)
    if not isinstance(node.value, dict):
        reading.refuse("changed", "'changed' must be true, or say from what or to what", _MEND)
        return None
    changed = reading.mapping("changed", _MEND)
    if metric is None or changed is None:
        return None
    changed.only(("from", "to"))
    before, after = (changed.scalar(key) if key in changed else _ANY for key in ("from", "to"))
    if before is _ANY and after is _ANY:
        changed.refuse(None, "'changed' says neither from what nor to what", _MEND)
        return None
    if before is not _ANY and after is not _ANY and same(before, after):
        changed.refuse("to", f"{shown(before)} to {shown(after)} is no change", _MEND)
        return None
    return None if before is None or after is None else Changed(metric, before, after)


OPERATOR = Operator("changed", _read, frozenset({"metric"}))
