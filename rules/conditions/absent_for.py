"""``absent_for``: nothing was heard for a time: of one metric, or of the device at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.event import Millis
from rules.band import ANYTHING, Quiet
from rules.condition import ANY_DATA, FACTS, Condition, Memory, Operator, Scope, Truth
from rules.duration import spoken
from rules.profiles import absences
from rules.reading import Reading
from rules.subject import LONG_AGO, NEVER, Subject

BY_PROFILE = "profile"


class AbsentFor(Condition):
    """True once the time has passed since the newest data. Unknown for a device that never sent any.

    The time is ``duration``, or else that of the device's profile in ``by_profile``; unknown where it has none.
    The silence before the rule was there does not count: it starts with the condition's first look.
    Memory: ``[time of the first look]``.
    """

    __slots__ = ("by_profile", "duration", "metric", "watches")

    timed = True

    def __init__(
        self, metric: str | None, duration: Millis | None, by_profile: Mapping[str, Millis] | None = None
    ) -> None:
        self.metric = metric
        self.duration = duration
        self.by_profile = by_profile or {}
        heard = ANY_DATA if metric is None else metric
        self.watches = frozenset({heard} if duration is not None else {heard, FACTS})

    def fresh(self) -> Memory:
        """Not looked yet."""
        return [None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Whether the silence has lasted long enough at ``at``."""
        if memory[0] is None:
            memory[0] = at
        since, allowed = self._since(memory, subject), self._allowed(subject)
        return None if since is None or allowed is None else at - since >= allowed

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Whatever is heard before the silence is long enough only puts it off."""
        since, allowed = self._since(memory, subject), self._allowed(subject)
        if since is None or allowed is None or at - since >= allowed:
            return None
        return Quiet(False, dict.fromkeys(self.watches, ANYTHING))

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the silence will have lasted long enough."""
        since, allowed = self._since(memory, subject), self._allowed(subject)
        if since is None or allowed is None or since + allowed <= after:
            return NEVER
        return since + allowed

    def _allowed(self, subject: Subject) -> Millis | None:
        return self.by_profile.get(subject.facts.profile) if self.duration is None else self.duration

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
            "duration_ms": self._allowed(subject),
            "result": self.on_event(list(memory), subject, at),
        }

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``no data from chiller-7 for 15 min``."""
        what = "data" if self.metric is None else self.metric
        allowed = self._allowed(subject)
        if holds and allowed is not None:
            return f"no {what} from {subject.id} for {spoken(allowed)}"
        return f"no {what} from {subject.id}" if holds else f"{what} from {subject.id} again"


def _read(reading: Reading, scope: Scope) -> Condition | None:
    metric = reading.text("metric")
    if reading.entries["absent_for"].value == BY_PROFILE:
        by_profile = absences(scope.library)
        if not by_profile:
            mend = "write absent_after: 15m in the profiles, or how long the silence has to last: absent_for: 15m"
            reading.refuse("absent_for", "no profile says when a device counts as absent", mend)
        return AbsentFor(metric, None, by_profile) if by_profile and ("metric" not in reading or metric) else None
    duration = reading.duration("absent_for")
    if duration is None or ("metric" in reading and metric is None):
        return None
    return AbsentFor(metric, duration)


OPERATOR = Operator("absent_for", _read, frozenset({"metric"}))
