"""Severity steps: the same alert, more serious. ``severity`` is where it begins, each step where it may rise to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

from devices.event import Millis
from rules.band import Quiet, common
from rules.condition import Condition, Memory, Truth
from rules.decision import CaseAction, NotifyAction, Severity
from rules.subject import NEVER, Subject

SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "major", "minor", "warning", "info")
RANK: Final[dict[str, int]] = {severity: place for place, severity in enumerate(reversed(SEVERITIES))}
"""The higher the more serious."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step: the severity while ``condition`` holds, and what is done then."""

    severity: Severity
    condition: Condition
    case: CaseAction | None
    notify: NotifyAction | None


class Stepped(Condition):
    """A rule's condition with its steps beside it. What holds is the condition's own word.

    The steps are asked at each look, also before the alert fires, so that their hysteresis and their ``for`` are right
    when it does. Memory: ``[the condition's, [truth of the first step, its memory], …]``.
    """

    __slots__ = ("main", "momentary", "steps", "timed", "watches", "witnessed")

    def __init__(self, main: Condition, steps: tuple[Step, ...]) -> None:
        self.main = main
        self.steps = steps
        self.timed = main.timed or any(step.condition.timed for step in steps)
        self.momentary = main.momentary
        self.witnessed = main.witnessed
        self.watches = main.watches.union(*(step.condition.watches for step in steps))

    def fresh(self) -> Memory:
        """Nothing known of any step."""
        return [self.main.fresh(), *([None, step.condition.fresh()] for step in self.steps)]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Ask the steps, then the condition."""
        for step, remembered in zip(self.steps, memory[1:], strict=True):
            remembered[0] = step.condition.on_event(remembered[1], subject, at)
        return self.main.on_event(memory[0], subject, at)

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Ask the steps, then the condition."""
        for step, remembered in zip(self.steps, memory[1:], strict=True):
            remembered[0] = step.condition.on_time(remembered[1], subject, at)
        return self.main.on_time(memory[0], subject, at)

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The earliest of all deadlines."""
        found = self.main.next_deadline(memory[0], subject, after) if self.main.timed else NEVER
        for step, remembered in zip(self.steps, memory[1:], strict=True):
            if step.condition.timed:
                found = min(found, step.condition.next_deadline(remembered[1], subject, after))
        return found

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Where the condition and each step are quiet."""
        main = self.main.quiet(memory[0], subject, at)
        if main is None:
            return None
        bands = [main.bands]
        for step, remembered in zip(self.steps, memory[1:], strict=True):
            quiet = step.condition.quiet(remembered[1], subject, at)
            if quiet is None or quiet.truth is not remembered[0]:
                return None
            bands.append(quiet.bands)
        return Quiet(main.truth, common(bands))

    def pending(self, memory: Memory) -> bool:
        """Whether the condition is; a step alone starts no alert."""
        return self.main.pending(memory[0])

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The condition's explanation, with the steps' under ``severity_steps``."""
        steps = []
        for step, remembered in zip(self.steps, memory[1:], strict=True):
            when = step.condition.explain(remembered[1], subject, at)
            steps.append({"operator": "step", "severity": step.severity, "result": when["result"], "of": [when]})
        return {**self.main.explain(memory[0], subject, at), "severity_steps": steps}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """The condition's."""
        return self.main.phrase(memory[0], subject, at, holds=holds)

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The steps' and, before them, the condition's own."""
        found: dict[str, Any] = {}
        for step, remembered in zip(self.steps, memory[1:], strict=True):
            found |= step.condition.evidence(remembered[1], subject)
        return found | self.main.evidence(memory[0], subject)

    def truths(self, memory: Memory) -> dict[str, Truth]:
        """What each step came to at the last look, by severity."""
        return {step.severity: remembered[0] for step, remembered in zip(self.steps, memory[1:], strict=True)}

    def step_phrase(self, severity: str, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str | None:
        """Why the step to ``severity`` holds, or no longer does; ``None`` where there is no such step."""
        for step, remembered in zip(self.steps, memory[1:], strict=True):
            if step.severity == severity:
                return step.condition.phrase(remembered[1], subject, at, holds=holds)
        return None


def highest(severities: tuple[str, ...], otherwise: Severity) -> Severity:
    """The most serious of ``severities``, or ``otherwise``."""
    return cast("Severity", max((*severities, otherwise), key=RANK.__getitem__))
