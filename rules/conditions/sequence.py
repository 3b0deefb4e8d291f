"""``sequence``: conditions began to hold one after the other, within a time."""

from __future__ import annotations

from typing import Any

from devices.event import Millis
from rules.band import Quiet, common
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.duration import spoken
from rules.logic import read_parts
from rules.occurrence import no_rising, rises
from rules.quantity import read_window
from rules.reading import Reading
from rules.subject import NEVER, Subject

FEWEST, MOST = 2, 20

_MEND = "write sequence: {steps: [{event: door-opened}, {metric: temperature, above: 8}], within: 10m}"

MAX_SAID = 200
"""Characters that are remembered of what was said of a step."""

_STARTS, _COMPLETE, _AT, _RISINGS, _SAID, _INNER = range(6)


class Sequence(Condition):
    """True from the moment at which the last step follows all others in order, while the last step holds.

    A step counts at the moment at which it begins to hold. Of runs that have come equally far the one that started last
    is kept, since it has the most time left; one that completes is used up, with all that started earlier, and the
    event that completes it begins no other.
    Memory: ``[for each step but the last: the start of the run that has come so far, whether complete, when it was,
    for each step: what rules.occurrence.rises keeps, what was said of it as it began to hold, its memory]``.
    """

    __slots__ = ("momentary", "steps", "timed", "watches", "within")

    witnessed = True

    def __init__(self, steps: tuple[Condition, ...], within: Millis) -> None:
        self.steps = steps
        self.within = within
        self.timed = any(step.timed for step in steps)
        self.momentary = steps[-1].momentary
        self.watches = frozenset().union(*(step.watches for step in steps))

    def fresh(self) -> Memory:
        """No run."""
        steps = self.steps
        risings, said = [no_rising() for _ in steps], [""] * len(steps)
        return [[None] * (len(steps) - 1), False, None, risings, said, [step.fresh() for step in steps]]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Ask each step, after an event."""
        inner = memory[_INNER]
        truths = [step.on_event(inner[i], subject, at) for i, step in enumerate(self.steps)]
        return self._follow(memory, truths, subject, at)

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Ask each step, by the passing of time."""
        inner = memory[_INNER]
        truths = [step.on_time(inner[i], subject, at) for i, step in enumerate(self.steps)]
        return self._follow(memory, truths, subject, at)

    def _follow(self, memory: Memory, truths: list[Truth], subject: Subject, at: Millis) -> Truth:
        risings = memory[_RISINGS]
        risen = [rises(step, risings[i], truths[i], at) for i, step in enumerate(self.steps)]
        last = truths[-1]
        if last is False:
            memory[_COMPLETE] = False
        # Backwards, so that one event moves a run by one step: what comes at once does not come one after the other.
        for place in reversed(range(len(self.steps))):
            if not risen[place]:
                continue
            said = self.steps[place].phrase(memory[_INNER][place], subject, at, holds=True)
            memory[_SAID][place] = said[:MAX_SAID]
            if self._completes(memory, place, at):
                break
        return self._truth(memory, last, at)

    def _truth(self, memory: Memory, last: Truth, at: Millis) -> Truth:
        """What the memory says, as the last step came to ``last``; without changing it."""
        if memory[_COMPLETE]:
            return last if not self.momentary else bool(memory[_AT] == at)
        return False if any(rising[0] is not None for rising in memory[_RISINGS]) else None

    def _completes(self, memory: Memory, place: int, at: Millis) -> bool:
        """Take note that step ``place`` began to hold; whether a run is complete with it."""
        starts = memory[_STARTS]
        start = at if place == 0 else starts[place - 1]
        if start is None or at - start > self.within:
            return False
        if place < len(starts):
            starts[place] = start
            return False
        memory[_COMPLETE], memory[_AT] = True, at
        memory[_STARTS] = [None if other is None or other <= start else other for other in starts]
        return True

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The earliest of the steps' deadlines."""
        inner = memory[_INNER]
        return min(
            (step.next_deadline(inner[i], subject, after) for i, step in enumerate(self.steps) if step.timed),
            default=NEVER,
        )

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Where each step stays as it is, and so does not begin to hold."""
        found = []
        for i, step in enumerate(self.steps):
            quiet = step.quiet(memory[_INNER][i], subject, at)
            if quiet is None:
                return None
            found.append(quiet)
        return Quiet(self._truth(memory, found[-1].truth, at), common(quiet.bands for quiet in found))

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """When each step began to hold last, from what start the runs have come how far, and each step."""
        steps = [step.explain(memory[_INNER][i], subject, at) for i, step in enumerate(self.steps)]
        starts = [None if start is None or at - start > self.within else start for start in memory[_STARTS]]
        result = self._truth(memory, steps[-1]["result"], at)
        began = [rising[1] for rising in memory[_RISINGS]]
        about = {"within_ms": self.within, "began_at": began, "started_at": starts, "completed_at": memory[_AT]}
        return {"operator": "sequence", **about, "result": result, "of": steps}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``t 9.5 is above 8, then chiller-7 reported door-opened, within 10 min``: each step as it was then."""
        last = self.steps[-1].phrase(memory[_INNER][-1], subject, at, holds=holds)
        return f"{', then '.join([*memory[_SAID][:-1], last])}, within {spoken(self.within)}" if holds else last

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """All steps' evidence together; the later step's counts."""
        found: dict[str, Any] = {}
        for i, step in enumerate(self.steps):
            found.update(step.evidence(memory[_INNER][i], subject))
        return found


def _read(reading: Reading, scope: Scope) -> Condition | None:
    node = reading.entries["sequence"]
    if isinstance(node.value, list):
        return _read_steps(reading, "sequence", scope)
    sequence = reading.mapping("sequence", _MEND)
    if sequence is None or not sequence.need("steps", _MEND):
        return None
    sequence.only(("steps", "within"))
    if "within" in reading and "count" not in reading:
        reading.refuse("within", "'within' stands inside the sequence, or beside a plain list", _MEND, at_key=True)
        return None
    return _read_steps(sequence, "steps", scope)


def _read_steps(reading: Reading, key: str, scope: Scope) -> Condition | None:
    """The steps under ``key`` and the time beside them, both in ``reading``."""
    has_time = reading.need("within", _MEND)
    time = read_window(reading, "within", "sequence")
    steps = read_parts(reading, scope, key)
    if steps is None or time is None or not has_time:
        return None
    if not FEWEST <= len(steps) <= MOST:
        reading.refuse(key, f"a sequence has {FEWEST} to {MOST} steps, not {len(steps)}", _MEND)
        return None
    return Sequence(steps, time)


OPERATOR = Operator("sequence", _read, frozenset({"within"}))
