"""``operating_hours``: maintenance by use: a device has run for so long since it was serviced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from devices.event import Millis
from rules.band import Quiet
from rules.condition import ANY_DATA, EVENT, LOCATION, STATUS, Condition, Memory, Operator, Scope, Truth
from rules.duration import HOUR, spoken
from rules.metric import seen, shown
from rules.reading import Reading
from rules.subject import Subject

SERVICED = "serviced"
"""The event that starts the count again, unless the rule names another."""
_KEYS = ("every", "while", "metric", "reset_by")
_MEND = "write operating_hours: {every: 500h, while: {metric: power, above: 50}}"
_MEND_METRIC = "write operating_hours: {every: 500, metric: hours_run}"

# The places that both memories have.
_RUN, _RESET, _REACHED = range(3)


class _Hours(Condition):
    """True once ``run`` has come to ``every``, until the device event ``reset_by``.

    Memory: ``[run, time of the newest reset, whether it was reached, …]``.
    """

    __slots__ = ("every", "reset_by", "watches")

    def __init__(self, every: float, reset_by: str, watches: frozenset[str]) -> None:
        self.every = every
        self.reset_by = reset_by
        self.watches = watches | {EVENT}

    def fresh(self) -> Memory:
        """Not run yet."""
        return [0, None, False]

    def settle(self, memory: Memory, subject: Subject) -> bool:
        """Reset the count if that is what just happened; whether it is reached."""
        event = subject.event
        if event is not None and event.type == self.reset_by and (memory[_RESET] is None or event.at > memory[_RESET]):
            memory[_RUN], memory[_RESET], memory[_REACHED] = 0, event.at, False
        elif memory[_RUN] >= self.every:
            memory[_REACHED] = True
        return bool(memory[_REACHED])

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``chiller-7 has run 500 h since serviced, due every 500 h``."""
        if not holds:
            return f"{subject.id} reported {self.reset_by}: its hours count from 0 again"
        since = "first seen" if memory[_RESET] is None else self.reset_by
        return self.told(subject, memory[_RUN], f"since {since}")

    def told(self, subject: Subject, run: float, since: str) -> str:
        """How far the count has come, and when it is due."""
        raise NotImplementedError


class RunningTime(_Hours):
    """Counts the event time during which ``inner`` is true.

    Time counts once data confirm it: from one sample that says so to the next, unless more than ``max_gap`` lies
    between or the condition was unknown meanwhile. What a device does in a silence nobody knows.
    Memory: ``[ms run, time of the newest reset, whether reached, true and counted until, the inner memory]``.
    """

    __slots__ = ("_metrics", "inner", "max_gap", "timed")

    def __init__(self, inner: Condition, every: Millis, reset_by: str, max_gap: Millis) -> None:
        super().__init__(every, reset_by, inner.watches)
        self.inner = inner
        self.max_gap = max_gap
        self.timed = inner.timed
        self._metrics = tuple(sorted(key for key in inner.watches if key.isprintable()))

    def fresh(self) -> Memory:
        """Not run, not running."""
        return [*super().fresh(), None, self.inner.fresh()]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Count up to the newest data, if it ran until then."""
        runs = self.inner.on_event(memory[4], subject, at)
        heard = self._heard(subject, at)
        counted = memory[3]
        if counted is not None and runs is not None and counted < heard <= counted + self.max_gap:
            memory[_RUN] += heard - counted
        if not runs:
            memory[3] = None
        elif counted is None or heard > counted:
            memory[3] = heard
        return self._settled(memory, subject, runs)

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """The inner condition may begin or end by itself; that alone confirms nothing."""
        runs = self.inner.on_time(memory[4], subject, at)
        counted = memory[3]
        if not runs:
            if counted is not None and runs is False and counted < at <= counted + self.max_gap:
                memory[_RUN] += at - counted
            memory[3] = None
        elif counted is None:
            memory[3] = at
        return self._settled(memory, subject, runs)

    def _settled(self, memory: Memory, subject: Subject, runs: Truth) -> Truth:
        reset = memory[_RESET]
        reached = self.settle(memory, subject)
        if memory[_RESET] != reset and memory[3] is not None:
            memory[3] = max(memory[3], memory[_RESET])
        return None if runs is None and _nothing_known(memory) else reached

    def _heard(self, subject: Subject, at: Millis) -> Millis:
        """The time of the newest data that the inner condition looks at."""
        samples, newest = subject.samples, None
        for name in self._metrics:
            sample = samples.get(name)
            if sample is not None and (newest is None or sample[0] > newest):
                newest = sample[0]
        others = self.inner.watches
        if len(others) > len(self._metrics):
            newest = max((each for each in (newest, *_other_data(others, subject)) if each is not None), default=None)
        return at if newest is None else newest

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The inner condition's."""
        return self.inner.next_deadline(memory[4], subject, after)

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Within the inner condition's bands, while it does not run."""
        inner = self.inner.quiet(memory[4], subject, at) if memory[3] is None else None
        if inner is None or inner.truth is True:
            return None
        unknown = inner.truth is None and _nothing_known(memory)
        return Quiet(None if unknown else bool(memory[_REACHED]), inner.bands)

    def told(self, subject: Subject, run: float, since: str) -> str:
        """In hours."""
        return f"{subject.id} has run {_hours(run)} {since}, due every {_hours(self.every)}"

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """How long it ran since when, how long it may, and what counts."""
        inner = self.inner.explain(memory[4], subject, at)
        return {
            "operator": "operating_hours",
            "run_ms": memory[_RUN],
            "every_ms": self.every,
            "reset_at": memory[_RESET],
            "runs_until": memory[3],
            "result": None if inner["result"] is None and _nothing_known(memory) else bool(memory[_REACHED]),
            "of": [inner],
        }

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """``operating_hours`` and ``operating_hours_due``, in hours."""
        return {
            **self.inner.evidence(memory[4], subject),
            "operating_hours": round(memory[_RUN] / HOUR, 1),
            "operating_hours_due": round(self.every / HOUR, 1),
        }


def _nothing_known(memory: Memory) -> bool:
    return memory[_RUN] == 0 and memory[_RESET] is None


def _hours(run: float) -> str:
    """Whole hours where these are many."""
    return f"{run // HOUR:.0f} h" if run >= 10 * HOUR else spoken(int(run))


def _other_data(watches: frozenset[str], subject: Subject) -> list[Millis | None]:
    """When what is no metric was heard of."""
    found: list[Millis | None] = []
    if LOCATION in watches:
        found.append(None if subject.fix is None else subject.fix[0])
    if STATUS in watches:
        found.append(None if subject.status is None else subject.status[0])
    if ANY_DATA in watches or EVENT in watches:
        found.append(subject.heard_at)
    return found


class MeteredTime(_Hours):
    """Follows a metric by which the device itself counts, from its value when first seen or last serviced.

    A count that goes back has been started anew (a new board); what it showed before stays counted. Should it come back
    at once to where it was, it was a slip, and nothing is counted for it.
    Memory: ``[run, time of the newest reset, whether reached, time of the newest sample, its value, [run, value] before
    it went back]``; ``run`` is in the metric's own unit.
    """

    __slots__ = ("metric",)

    def __init__(self, metric: str, every: float, reset_by: str) -> None:
        super().__init__(every, reset_by, frozenset({metric}))
        self.metric = metric

    def fresh(self) -> Memory:
        """Nothing seen."""
        return [*super().fresh(), None, None, None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Add what the newest sample shows more than the one before."""
        sample = subject.samples.get(self.metric)
        if sample is not None and (memory[3] is None or sample[0] > memory[3]):
            value = sample[1]
            if type(value) is float or type(value) is int:
                self._count(memory, sample[0], value)
        reached = self.settle(memory, subject)
        return None if memory[3] is None else reached

    def _count(self, memory: Memory, at: Millis, value: float) -> None:
        last, before = memory[4], memory[5]
        memory[3], memory[4] = at, value
        if last is None or value == last:
            return
        if value < last:
            memory[5] = before or [memory[_RUN], last]
        elif before is not None and value >= before[1]:
            memory[_RUN], memory[5] = before[0] + value - before[1], None
        else:
            memory[_RUN] += value - last
            memory[5] = None

    def settle(self, memory: Memory, subject: Subject) -> bool:
        """Forget a step back, too, when the count starts again."""
        reset = memory[_RESET]
        reached = super().settle(memory, subject)
        if memory[_RESET] != reset and memory[5] is not None:
            memory[5] = [0, memory[5][1]]
        return reached

    def told(self, subject: Subject, run: float, since: str) -> str:
        """In the metric's own unit."""
        return f"{self.metric} of {subject.id} went up by {shown(float(run))} {since}, due every {shown(self.every)}"

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """What the device counted since when, and how much it may."""
        count = {"run": memory[_RUN], "every": self.every, "reset_at": memory[_RESET]}
        result = None if memory[3] is None else bool(memory[_REACHED])
        return {
            "operator": "operating_hours",
            "metric": self.metric,
            **seen(subject, self.metric),
            **count,
            "result": result,
        }

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """``operating_hours`` and ``operating_hours_due``, in the metric's own unit."""
        return {"operating_hours": round(memory[_RUN], 1), "operating_hours_due": self.every}


def _read(reading: Reading, scope: Scope) -> Condition | None:
    hours = reading.mapping("operating_hours", _MEND)
    if hours is None:
        return None
    hours.only(_KEYS)
    reset_by = hours.text("reset_by") if "reset_by" in hours else SERVICED
    needed = hours.need("every", _MEND)
    if ("while" in hours) == ("metric" in hours):
        message = "operating hours need exactly one of 'while' (when it runs) or 'metric' (its own count)"
        hours.refuse(None, message, f"{_MEND}, or {_MEND_METRIC.removeprefix('write ')}")
        return None
    if not needed or reset_by is None:
        return None
    return _read_metered(hours, reset_by) if "metric" in hours else _read_running(hours, reset_by, scope)


def _read_running(hours: Reading, reset_by: str, scope: Scope) -> Condition | None:
    every = hours.duration("every")
    inner = scope.read(hours.entries["while"], hours.place("while"), replace(scope, sustained=True))
    if inner is not None and inner.momentary:
        hours.refuse("while", "what only happens takes no time", "write a condition that lasts, such as power above 50")
        return None
    return None if every is None or inner is None else RunningTime(inner, every, reset_by, scope.max_gap)


def _read_metered(hours: Reading, reset_by: str) -> Condition | None:
    metric, node = hours.text("metric"), hours.entries["every"]
    if isinstance(node.value, str):
        hours.refuse(
            "every", f"'{node.text}' has a unit of its own", f"write a number in the metric's unit: {_MEND_METRIC}"
        )
        return None
    every = hours.number("every")
    if every is not None and every <= 0:
        hours.refuse("every", f"'every' must be more than 0, not {shown(every)}", _MEND_METRIC)
        return None
    return None if metric is None or every is None else MeteredTime(metric, every, reset_by)


OPERATOR = Operator("operating_hours", _read)
