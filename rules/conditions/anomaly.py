"""``anomaly``: a metric is far from what is normal for this device, as learned from its own past."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from devices.event import Millis
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.duration import DAY, HOUR, spoken
from rules.metric import read_metric, seen, shown
from rules.normal import FIRST, NEWEST, SAMPLES, Normal, State, learn, newborn, normal
from rules.reading import Reading
from rules.recurrence import wall_time
from rules.subject import NEVER, Subject
from rules.time_zone import read_time_zone, zone_of

FEWEST = 30
"""Samples without which nothing has been learned."""
CLEARS = 0.5
"""Once unusual, it stays so until its score is less than this share of the one asked for."""
HIGHEST = 999.0
_LARGEST = 1e100
"""What is larger is no measurement, and its square no number."""
_SHORTEST: Millis = 10 * 60 * 1000
_LONGEST: Millis = 60 * DAY
_KEYS = ("score", "learn_for", "seasonal", "direction", "time_zone")
_MEND = "write anomaly: {score: 5} or anomaly: {score: 5, learn_for: 2d, seasonal: hour, direction: high}"

_STATE, _HELD, _SCORE, _EXPECTED, _SCALE, _HOUR, _HOUR_ENDS = range(7)


class Asked(NamedTuple):
    """What the rule asks for."""

    score: float
    learn_for: Millis
    direction: int
    """1: high, -1: low, 0: both."""
    by_hour: bool
    time_zone: str | None


class Anomaly(Condition):
    """True while the newest sample's robust z-score is at least ``score``, then until it is below half of that.

    Each sample is judged by what was learned before it, and then learned from. Unknown while it learns.
    Memory: ``[what is normal (see rules.normal), whether it held, score, what was expected, scale, hour of the day,
    when that hour ends]``; the score's sign says on which side it lies, and it is ``None`` while learning.
    """

    __slots__ = ("asked", "metric", "stale_after", "timed", "watches")

    def __init__(self, metric: str, asked: Asked, stale_after: Millis) -> None:
        self.metric = metric
        self.asked = asked
        self.stale_after = stale_after
        self.timed = stale_after != NEVER
        self.watches = frozenset({metric})

    def fresh(self) -> Memory:
        """Nothing learned."""
        return [newborn(by_hour=self.asked.by_hour), False, None, None, None, 0, None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Judge the newest sample, and learn from it, once."""
        sample = subject.samples.get(self.metric)
        if sample is None:
            return None
        value = sample[1]
        if (type(value) is not float and type(value) is not int) or abs(value) > _LARGEST:
            return None
        newest = memory[_STATE][NEWEST]
        if newest is None or sample[0] > newest:
            self._take(memory, subject, sample[0], value)
        return self._known(memory, subject, at)

    def _known(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        sample = subject.samples.get(self.metric)
        if memory[_SCORE] is None or sample is None or at - sample[0] > self.stale_after:
            return None
        return bool(memory[_HELD]) if type(sample[1]) in (int, float) and abs(sample[1]) <= _LARGEST else None

    def _take(self, memory: Memory, subject: Subject, at: Millis, value: float) -> None:
        state: State = memory[_STATE]
        asked = self.asked
        hour = self._hour(memory, subject, at) if asked.by_hour else 0
        before = normal(state, value, hour)
        if before is not None and state[SAMPLES] >= FEWEST and at - state[FIRST] >= asked.learn_for:
            self._judge(memory, value, before)
        learn(state, at, value, before, hour, asked.learn_for)

    def _judge(self, memory: Memory, value: float, before: Normal) -> None:
        score = (value - before.expected) / before.scale
        memory[_SCORE], memory[_EXPECTED], memory[_SCALE] = score, before.expected, before.scale
        asked = self.asked
        counted = abs(score) if asked.direction == 0 else score * asked.direction
        memory[_HELD] = counted >= (asked.score * CLEARS if memory[_HELD] else asked.score)

    def _hour(self, memory: Memory, subject: Subject, at: Millis) -> int:
        """The hour of the day there, looked up once in an hour."""
        if memory[_HOUR_ENDS] is None or at >= memory[_HOUR_ENDS]:
            wall = wall_time(zone_of(subject, self.asked.time_zone), at)
            memory[_HOUR] = wall.hour
            memory[_HOUR_ENDS] = at + HOUR - (wall.minute * 60 + wall.second) * 1000 - wall.microsecond // 1000
        return int(memory[_HOUR])

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the newest sample stops being known."""
        sample = subject.samples.get(self.metric)
        if sample is None or self.stale_after == NEVER:
            return NEVER
        stale = sample[0] + self.stale_after + 1
        return stale if stale > after else NEVER

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The score, what was expected, and from how much that was learned."""
        asked, state = self.asked, memory[_STATE]
        score = memory[_SCORE]
        learned = 0 if state[FIRST] is None else state[NEWEST] - state[FIRST]
        found: dict[str, Any] = {"score": None if score is None else _capped(score), "score_needed": asked.score}
        if asked.by_hour:
            found |= {"hour": memory[_HOUR], "time_zone": zone_of(subject, asked.time_zone).key}
        return {
            "operator": "anomaly",
            "metric": self.metric,
            **seen(subject, self.metric, self.stale_after),
            **found,
            "direction": {1: "high", -1: "low", 0: "both"}[asked.direction],
            "normal": memory[_EXPECTED],
            "spread": memory[_SCALE],
            "learned_samples": state[SAMPLES],
            "learned_ms": learned,
            "learn_for_ms": asked.learn_for,
            "result": self._known(memory, subject, at),
        }

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``vibration 14.2 is unusual: score 7.1, normal is about 3``."""
        sample = subject.samples.get(self.metric)
        metric = self.metric if sample is None else f"{self.metric} {shown(sample[1])}"
        if memory[_SCORE] is None:
            return f"{metric} is {'unusual' if holds else 'usual again'}"
        about = f"normal is about {shown(_rounded(memory[_EXPECTED], memory[_SCALE]))}"
        if holds:
            return f"{metric} is unusual: score {abs(_capped(memory[_SCORE])):g}, {about}"
        return f"{metric} is usual again: {about}"

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """``anomaly_score`` (negative below normal) and ``normal``, what was expected."""
        if memory[_SCORE] is None:
            return {}
        return {
            "anomaly_score": _capped(memory[_SCORE]),
            "normal": _rounded(memory[_EXPECTED], memory[_SCALE]),
        }


def _capped(score: float) -> float:
    return round(max(-HIGHEST, min(HIGHEST, score)), 1)


def _rounded(expected: float, scale: float) -> float:
    """With as many decimals as the scale makes meaningful."""
    decimals = max(0, min(6, 1 - math.floor(math.log10(scale))))
    return round(expected, decimals)


def _read(reading: Reading, scope: Scope) -> Condition | None:
    metric = read_metric(reading, "anomaly")
    anomaly = reading.mapping("anomaly", _MEND)
    if anomaly is None:
        return None
    anomaly.only(_KEYS)
    asked = _read_asked(anomaly)
    return None if metric is None or asked is None else Anomaly(metric, asked, scope.stale_after)


def _read_asked(anomaly: Reading) -> Asked | None:
    noted = len(anomaly.problems)
    score = anomaly.number("score") if anomaly.need("score", _MEND) else None
    if score is not None and not 2 <= score <= 100:  # noqa: PLR2004 - standard deviations
        message = f"a score of {shown(score)} is {'nothing unusual' if score < 2 else 'never reached'}"  # noqa: PLR2004
        anomaly.refuse("score", message, "write one from 2 to 100; 5 is a good begin")
    by_hour = anomaly.choice("seasonal", ("hour",)) is not None
    learn_for = anomaly.duration("learn_for") if "learn_for" in anomaly else (7 if by_hour else 2) * DAY
    if learn_for is not None and not (DAY if by_hour else _SHORTEST) <= learn_for <= _LONGEST:
        message = f"what is normal can't be learned in {spoken(learn_for)}"
        mend = "write 1d to 60d: each hour has to be seen" if by_hour else "write 10m to 60d, better some days"
        anomaly.refuse("learn_for", message, mend)
    direction = anomaly.choice("direction", ("high", "low", "both"))
    time_zone = read_time_zone(anomaly)
    if "time_zone" in anomaly and "seasonal" not in anomaly:
        anomaly.refuse("time_zone", "'time_zone' needs 'seasonal' beside it", "add seasonal: hour", at_key=True)
    if score is None or learn_for is None or len(anomaly.problems) > noted:
        return None
    return Asked(score, learn_for, {"high": 1, "low": -1}.get(direction or "", 0), by_hour, time_zone)


OPERATOR = Operator("anomaly", _read, frozenset({"metric"}))
