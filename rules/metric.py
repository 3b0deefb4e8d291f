"""What the operators on one metric share: reading its name, its newest sample and how old that may be."""

from __future__ import annotations

from typing import Any

from devices.event import Millis
from rules.band import NOTHING, REPEATS, Quiet
from rules.condition import Condition, Memory
from rules.reading import Reading
from rules.subject import NEVER, Subject


def read_metric(reading: Reading, operator: str) -> str | None:
    """The ``metric`` beside ``operator``; a problem where it is missing."""
    if not reading.need("metric", f"write 'metric: temperature' beside '{operator}'"):
        return None
    return reading.text("metric")


class OfMetric(Condition):
    """A condition on the newest sample of one metric, which may grow too old to be counted on."""

    __slots__ = ("metric", "stale_after", "timed", "watches")

    def __init__(self, metric: str, stale_after: Millis) -> None:
        self.metric = metric
        self.stale_after = stale_after
        self.timed = stale_after != NEVER
        self.watches = frozenset({metric})

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the newest sample stops being known."""
        sample = subject.samples.get(self.metric)
        if sample is None:
            return NEVER
        stale = sample[0] + self.stale_after + 1
        return stale if stale > after else NEVER


def unknown(metric: str, subject: Subject, at: Millis, stale_after: Millis) -> Quiet:
    """What a condition on ``metric`` can say while its newest sample tells it nothing.

    A value that it cannot compare may come again; where there is no sample, or it is too old, any sample is news.
    """
    sample = subject.samples.get(metric)
    fresh = sample is not None and at - sample[0] <= stale_after
    return Quiet(None, {metric: REPEATS if fresh else NOTHING})


def same(value: Any, other: Any) -> bool:
    """Whether both are equal and of one kind: 1 is 1.0, but not ``true``."""
    return bool(value == other) and (type(value) is bool) == (type(other) is bool)


def shown(value: Any) -> str:
    """A value as a sentence shows it: at most 4 decimals, no trailing zeros."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float:
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:g}"  # noqa: PLR2004
    return str(value)


def seen(subject: Subject, metric: str, stale_after: Millis = NEVER) -> dict[str, Any]:
    """The newest sample, for an explanation; and how old it may be (ms), where that is limited."""
    value, sampled_at = None, None
    sample = subject.samples.get(metric)
    if sample is not None:
        sampled_at, value = sample
    found = {"value": value, "sampled_at": sampled_at}
    return found if stale_after == NEVER else {**found, "max_gap_ms": stale_after}
