"""``window``: the average, least, greatest, sum, number or spread of a metric's samples of the last while."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, Final

from devices.event import Millis
from rules.condition import Condition, Memory, Operator, Scope
from rules.duration import spoken
from rules.limits import Range
from rules.metric import shown
from rules.quantity import COMPANIONS, CONSUMES, Quantity, read_quantity, read_window
from rules.reading import Reading
from rules.subject import NEVER

BUCKETS = 50
"""Parts of the window. Samples in the same part of time are reckoned as one, and leave together."""

_MEND = "write window: {avg: 15m}, with one of avg, min, max, sum, count, stddev"

Bucket = list[Any]
"""``[time of its newest sample, count, …]``: what its samples come to together."""

_SINCE, _WATCHED, _SEALED, _BUCKETS = range(4)


class Window(Quantity):
    """The samples later than ``over`` ago, by event time, in buckets of ``over / 50``.

    A bucket leaves when its newest sample is ``over`` old: exact where samples are farther apart than a bucket is wide,
    and up to a fiftieth of ``over`` late where they are closer. Unknown until it was watched for ``over`` once, but
    for what more samples could not change any more.
    Memory: ``[watched since, whether for long enough, all buckets but the newest as one, the buckets]``.
    """

    __slots__ = ("over", "width")

    name = "window"
    aggregate: str
    """Its word in a rule."""
    label: str
    """Its word in a sentence."""

    def __init__(self, over: Millis) -> None:
        self.over = over
        self.width = over // BUCKETS

    @abstractmethod
    def single(self, value: float) -> Bucket:
        """What one sample comes to: ``[count, …]``."""

    @abstractmethod
    def merge(self, one: Bucket, other: Bucket) -> Bucket:
        """What both come to together."""

    @abstractmethod
    def result(self, merged: Bucket) -> float | None:
        """The number, from at least one sample."""

    def empty(self) -> float | None:
        """The number without any sample."""
        return None

    def partial(self, number: float) -> Range:
        """What is known of the number while older samples may be missing."""
        return Range(-math.inf, math.inf)

    def fresh(self) -> Memory:
        """Never looked."""
        return [None, False, None, []]

    def observe(self, memory: Memory, at: Millis, value: float) -> None:
        """Add the sample to its bucket."""
        buckets = memory[_BUCKETS]
        if buckets and buckets[-1][0] // self.width == at // self.width:
            newest = buckets[-1]
            newest[0] = at
            newest[1:] = self.merge(newest[1:], self.single(value))
        else:
            self._drop(buckets, at - self.over)
            buckets.append([at, *self.single(value)])
            self._seal(memory)

    def _drop(self, buckets: list[Bucket], until: Millis) -> bool:
        """Let go of the buckets up to ``until``; whether there were any."""
        old = 0
        for bucket in buckets:
            if bucket[0] > until:
                break
            old += 1
        del buckets[:old]
        return old > 0

    def _seal(self, memory: Memory) -> None:
        """Reckon all buckets but the newest together: anew each time, so that no error adds up."""
        buckets = memory[_BUCKETS]
        sealed = None
        for bucket in buckets[:-1]:
            sealed = bucket[1:] if sealed is None else self.merge(sealed, bucket[1:])
        memory[_SEALED] = sealed

    def number(self, memory: Memory, at: Millis) -> Range | None:
        """Let go of old buckets, and reckon the others."""
        if not memory[_WATCHED]:
            self._watch(memory, at)
        buckets = memory[_BUCKETS]
        if buckets and buckets[0][0] <= at - self.over and self._drop(buckets, at - self.over):
            self._seal(memory)
        if not buckets:
            found = self.empty()
        else:
            newest, sealed = buckets[-1][1:], memory[_SEALED]
            found = self.result(newest if sealed is None else self.merge(sealed, newest))
        if found is None:
            return None
        return Range(found, found) if memory[_WATCHED] else self.partial(found)

    def _watch(self, memory: Memory, at: Millis) -> None:
        if memory[_SINCE] is None:
            memory[_SINCE] = at
        memory[_WATCHED] = at - memory[_SINCE] >= self.over

    def next_deadline(self, memory: Memory, after: Millis) -> Millis:
        """When the oldest bucket leaves, or the window was watched for long enough."""
        since, watched, _, buckets = memory
        due = buckets[0][0] + self.over if buckets else NEVER
        if not watched and since is not None and since + self.over < due:
            due = since + self.over
        return due if due > after else NEVER

    def explain(self, memory: Memory, at: Millis) -> dict[str, Any]:
        """How many samples there are in how many buckets, and whether it was watched long enough."""
        buckets = memory[_BUCKETS]
        return {
            "aggregate": self.aggregate,
            "over_ms": self.over,
            "samples": sum(bucket[1] for bucket in buckets),
            "buckets": len(buckets),
            "watched": memory[_WATCHED],
        }

    def phrase(self, metric: str, number: float) -> str:
        """``the average power of 15 min is 120``."""
        return f"the {self.label} {metric} of {spoken(self.over)} is {shown(number)}"


class Average(Window):
    """The arithmetic mean of the samples, each counted once however long it held. Bucket: ``[count, sum]``."""

    __slots__ = ()

    in_unit = True
    aggregate = "avg"
    label = "average"

    def single(self, value: float) -> Bucket:
        """One sample."""
        return [1, value]

    def merge(self, one: Bucket, other: Bucket) -> Bucket:
        """Counts and sums add up."""
        return [one[0] + other[0], one[1] + other[1]]

    def result(self, merged: Bucket) -> float | None:
        """Sum by count."""
        return float(merged[1] / merged[0])


class Sum(Average):
    """The sum of the samples; unknown without any, since silence is not zero."""

    __slots__ = ()

    aggregate = "sum"
    label = "sum of"

    def result(self, merged: Bucket) -> float | None:
        """The sum."""
        return float(merged[1])


class Least(Window):
    """The least sample. Bucket: ``[count, least]``."""

    __slots__ = ()

    in_unit = True
    aggregate = "min"
    label = "least"

    def single(self, value: float) -> Bucket:
        """One sample."""
        return [1, value]

    def merge(self, one: Bucket, other: Bucket) -> Bucket:
        """The lesser one."""
        return [one[0] + other[0], min(one[1], other[1])]

    def result(self, merged: Bucket) -> float | None:
        """The least."""
        return float(merged[1])

    def partial(self, number: float) -> Range:
        """A sample that is missing can only make it less."""
        return Range(-math.inf, number)


class Greatest(Least):
    """The greatest sample. Bucket: ``[count, greatest]``."""

    __slots__ = ()

    aggregate = "max"
    label = "greatest"

    def merge(self, one: Bucket, other: Bucket) -> Bucket:
        """The greater one."""
        return [one[0] + other[0], max(one[1], other[1])]

    def partial(self, number: float) -> Range:
        """A sample that is missing can only make it more."""
        return Range(number, math.inf)


class Count(Window):
    """How many samples there are. Bucket: ``[count]``."""

    __slots__ = ()

    aggregate = "count"
    label = "number of samples of"
    lasting = True

    def single(self, value: float) -> Bucket:
        """One sample."""
        return [1]

    def merge(self, one: Bucket, other: Bucket) -> Bucket:
        """Counts add up."""
        return [one[0] + other[0]]

    def result(self, merged: Bucket) -> float | None:
        """The count."""
        return float(merged[0])

    def empty(self) -> float | None:
        """No samples are 0 samples."""
        return 0.0

    def partial(self, number: float) -> Range:
        """At least those that were seen."""
        return Range(number, math.inf)


class Spread(Window):
    """The samples' standard deviation (of a sample: by count - 1); unknown of fewer than two.

    Bucket: ``[count, sum, sum of squared deviations from the mean]``, merged as in Chan, Golub and LeVeque, Algorithms
    for computing the sample variance (The American Statistician 37, 1983), eq. 2.1: no difference of large squares.
    """

    __slots__ = ()

    aggregate = "stddev"
    label = "standard deviation of"

    def single(self, value: float) -> Bucket:
        """One sample deviates from nothing."""
        return [1, value, 0.0]

    def merge(self, one: Bucket, other: Bucket) -> Bucket:
        """Both deviations, and what comes from the distance of the means."""
        (n, total, squares), (m, total_, squares_) = one, other
        distance = total / n - total_ / m
        return [n + m, total + total_, squares + squares_ + distance * distance * n * m / (n + m)]

    def result(self, merged: Bucket) -> float | None:
        """The root of the variance."""
        return None if merged[0] == 1 else math.sqrt(merged[2] / (merged[0] - 1))


AGGREGATES: Final[dict[str, type[Window]]] = {
    kind.aggregate: kind for kind in (Average, Least, Greatest, Sum, Count, Spread)
}


def _read(reading: Reading, scope: Scope) -> Condition | None:
    return read_quantity(reading, scope, _read_window(reading), "window")


def _read_window(reading: Reading) -> Window | None:
    window = reading.mapping("window", _MEND)
    if window is None:
        return None
    window.only(AGGREGATES)
    words = [word for word in AGGREGATES if word in window]
    if len(words) != 1:
        window.refuse(None, "a window needs exactly one of " + ", ".join(AGGREGATES), _MEND)
        return None
    over = read_window(window, words[0], "window")
    return None if over is None else AGGREGATES[words[0]](over)


OPERATOR = Operator("window", _read, COMPANIONS, consumes=CONSUMES)
