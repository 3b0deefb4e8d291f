"""``matches``: a metric's text has the form of a regular expression."""

from __future__ import annotations

from typing import Any

import re2

from devices.event import Millis
from rules.band import REPEATS, Quiet
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.metric import OfMetric, read_metric, seen, shown, unknown
from rules.reading import Reading
from rules.subject import Subject

MAX_SHOWN = 100
"""Characters of a text that a sentence quotes."""

_MEND = 'write a regular expression such as matches: "E[0-9]+"; look-around and back references are not known here'


class Matches(OfMetric):
    """True while all of the newest text matches ``pattern``. Remembers nothing.

    RE2's automata take time that grows with the length of the text and no more, whatever the pattern.
    """

    __slots__ = ("_compiled", "pattern")

    def __init__(self, metric: str, pattern: str, stale_after: Millis) -> None:
        super().__init__(metric, stale_after)
        self.pattern = pattern
        self._compiled = _compile(pattern)

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Compare the newest sample; unknown if there is none, it is too old, or it is no text."""
        sample = subject.samples.get(self.metric)
        if sample is None or at - sample[0] > self.stale_after or type(sample[1]) is not str:
            return None
        return self._compiled.fullmatch(sample[1]) is not None

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """The same text again."""
        truth = self.on_event(memory, subject, at)
        if truth is None:
            return unknown(self.metric, subject, at, self.stale_after)
        return Quiet(truth, {self.metric: REPEATS})

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The text, the pattern and the result."""
        found = {"pattern": self.pattern, "result": self.on_event(memory, subject, at)}
        return {"operator": "matches", "metric": self.metric, **seen(subject, self.metric), **found}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``code E17 matches E[0-9]+``."""
        sample = subject.samples.get(self.metric)
        value = "" if sample is None else f" {shown(sample[1])[:MAX_SHOWN]}"
        return f"{self.metric}{value} {'matches' if holds else 'no longer matches'} {self.pattern}"


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _read(reading: Reading, scope: Scope) -> Condition | None:
    metric = read_metric(reading, "matches")
    pattern = reading.text("matches")
    if metric is None or pattern is None:
        return None
    try:
        return Matches(metric, pattern, scope.stale_after)
    except re2.error as error:
        told = error.args[0] if error.args else error
        message = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
    reading.refuse("matches", f"'{pattern}' is no regular expression: {message}", _MEND)
    return None


OPERATOR = Operator("matches", _read, frozenset({"metric"}))
