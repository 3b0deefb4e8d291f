"""What each operator of the rule language costs when it is asked: made from the catalog and the contract's stories."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import msgspec

from devices.event import DeviceFacts, Event, Millis
from rules.condition import Condition, Memory, Truth
from rules.conditions.catalog import OPERATORS
from rules.decision import Position
from rules.document import parse
from rules.engine import step
from rules.rule import Ruleset
from rules.state import PartitionState
from rules.subject import Subject
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.settings import Settings
from tests.contract.test_conditions import FIRES, example
from tests.unit.rules.story import device, store

EVENTS = 4_000
PAUSE_MS: Millis = 3_600_000
"""Between one telling of the story and the next."""


class Stopwatch(Condition):
    """A condition that measures how long the one inside it takes to answer after an event."""

    def __init__(self, inner: Condition) -> None:
        self.inner = inner
        self.watches, self.timed = inner.watches, inner.timed
        self.momentary, self.witnessed = inner.momentary, inner.witnessed
        self.spent_ns = self.asked = 0

    def fresh(self) -> Memory:
        """The inner condition's."""
        return self.inner.fresh()

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Ask and measure."""
        before = time.perf_counter_ns()
        truth = self.inner.on_event(memory, subject, at)
        self.spent_ns += time.perf_counter_ns() - before
        self.asked += 1
        return truth

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Ask."""
        return self.inner.on_time(memory, subject, at)

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The inner condition's."""
        return self.inner.next_deadline(memory, subject, after)

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The inner condition's."""
        return self.inner.explain(memory, subject, at)

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """The inner condition's."""
        return self.inner.phrase(memory, subject, at, holds=holds)


def run(settings: Settings) -> list[Section]:
    """Tell each operator's story again and again."""
    figures = []
    for name in OPERATORS:
        times = tuple(_asked_ns(name) for _ in range(settings.runs))
        settings.say(f"{name}: {min(times):,.0f} ns")
        figures.append(Figure(f"`{name}`", "ns", times))
    method = (
        "What one `on_event` takes, for the example on the operator's page in the reference, told the story that makes "
        "it fire and resolve in the contract tests, again and again; wrappers and combinations with what they hold. "
        "The reading of the clock, about 50 ns, is part of each figure."
    )
    return [Section("operators", method, figures)]


def _asked_ns(name: str) -> float:
    """Nanoseconds for each time that the rule's conditions were asked."""
    watches, state = _watched(name)
    position = 2
    for known in (store(), device(DeviceFacts("chiller-7", owner="customer-1"))):
        step(state, known, Position(position, 0))
    story = FIRES[name]
    first, last = min(said.at for said in story), max(said.at for said in story)
    for telling in range(max(1, EVENTS // len(story))):
        shift = telling * (last - first + PAUSE_MS)
        for said in story:
            position += 1
            step(state, _later(said, shift), Position(position, 0))
    asked = sum(watch.asked for watch in watches)
    if not asked:
        raise RuntimeError(f"the story of {name} never asks it")
    return sum(watch.spent_ns for watch in watches) / asked


def _watched(name: str) -> tuple[list[Stopwatch], PartitionState]:
    """A state with the rules of the operator's page, each with a stopwatch."""
    ruleset = parse({f"{name}.md": example(name)})
    watches = []
    rules = []
    for rule in ruleset.rules:
        members = []
        for member in rule.members:
            watches.append(Stopwatch(member.condition))
            members.append(replace(member, condition=watches[-1]))
        watches.append(Stopwatch(rule.condition))
        rules.append(replace(rule, condition=watches[-1], members=tuple(members)))
    state = PartitionState.empty()
    state.use({}, "operators", Ruleset(ruleset.version, tuple(rules), ruleset.warnings))
    return watches, state


def _later(said: Event, shift: Millis) -> Event:
    times = {name: getattr(said, name) + shift for name in ("at", "received_at") if hasattr(said, name)}
    return msgspec.structs.replace(said, **times)
