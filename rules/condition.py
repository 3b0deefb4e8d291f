"""The one shape of a condition, and of the operator that reads it from a rule file.

A condition is made once per rule and never changes. What it has to remember about one device is a ``Memory``: a list
of plain values (numbers, text, ``None``, lists of these) that the caller keeps, passes in, and writes into checkpoints
as it is. So a snapshot is a copy of the list, and a restore is nothing at all.

Truth has three values: ``True``, ``False`` and ``None`` for unknown. Unknown is neither above nor below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from devices.event import Millis
from rules.band import Quiet
from rules.duration import MINUTE
from rules.library import Library
from rules.mentions import Mentions
from rules.reading import Reading
from rules.source import Located
from rules.subject import NEVER, Subject

Truth = bool | None
Memory = list[Any]

ANY_DATA = "\x00data"
"""Watched by what cares that the device sent anything. (Metric names are printable, so these never clash.)"""
LOCATION = "\x00location"
STATUS = "\x00status"
EVENT = "\x00event"
MEMBER = "\x00member"
"""Watched by conditions on groups: a member's part in it changed."""
FACTS = "\x00facts"
"""Watched by what asks the registry: the device's model, tags, attributes, store or owner."""

DEFAULT_MAX_GAP: Millis = 10 * MINUTE
"""The longest silence between two samples over which ``for`` goes on counting."""


class Condition(ABC):
    """Something that is true, false or unknown of a device at a moment of event time.

    ``on_event`` and ``on_time`` are called with times that never go backwards for one memory. Both must be pure but
    for the memory: no clock, no randomness.
    """

    __slots__ = ()

    watches: frozenset[str]
    """Metric names, or the constants above: what has to arrive before it can change by an event."""
    timed: bool = False
    """Whether it can change by the passing of time alone."""
    momentary: bool = False
    """Whether it holds for a moment only (something happened): its end is no recovery, and nobody is told of it."""
    witnessed: bool = False
    """Whether it becomes true only by something that was seen to happen: then it is news even at first sight."""

    def fresh(self) -> Memory:
        """The memory of a device not seen before."""
        return []

    @abstractmethod
    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """What holds at ``at``, after an event that it watches was applied to ``subject``."""

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """What holds at ``at``, when its deadline has come and nothing new was heard."""
        return self.on_event(memory, subject, at)

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The first time later than ``after`` at which ``on_time`` has to be called; ``NEVER`` without one."""
        return NEVER

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Within which bands further samples leave everything as it is; ``None``: it has to be asked at each of them.

        Called with what is known at ``at``, after everything until then was applied. The promise: while no deadline
        comes and nothing arrives, newer than anything heard before, but readings all of whose metrics lie within the
        bands, and positions that enter and leave no store, ``on_event`` would return ``truth`` each time and leave the
        memory as it is, and ``next_deadline`` would never come nearer. So a condition that looks at anything beside its
        memory, the samples, the stores around, the device's facts and its own deadlines has no bands; nor has one that
        counts or learns, or that asks how a store is. Changes nothing.
        """
        return None

    def pending(self, memory: Memory) -> bool:
        """Whether it is on its way to becoming true by the passing of time."""
        return False

    @abstractmethod
    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """What it saw and what it concluded at ``at``, as JSON. Does not change the memory."""

    @abstractmethod
    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """Part of a plain English sentence: why it holds, or why it no longer does."""

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """More values for templates than the metrics that it watches."""
        return {}


@dataclass(frozen=True, slots=True)
class Scope:
    """What an operator may know of its surroundings when it is read."""

    read: Callable[[Located, str, Scope], Condition | None]
    """Reads a condition inside this one: (node, path, scope)."""
    library: Library = field(default_factory=Library)
    """What the rule files define beside their rules."""
    max_gap: Millis = DEFAULT_MAX_GAP
    """The rule's ``max_gap``."""
    sustained: bool = False
    """Inside a ``for``: a sample older than ``max_gap`` is no longer known."""
    member: bool = False
    """Inside a group's ``where``: asked of each device."""

    @property
    def mentions(self) -> Mentions:
        """What the rule says of groups and of other rules, noted while it is read."""
        return self.library.mentions

    @property
    def stale_after(self) -> Millis:
        """The age after which a sample counts as unknown, ms."""
        return self.max_gap if self.sustained else NEVER


@dataclass(frozen=True, slots=True)
class Operator:
    """One word of the rule language. ``read`` returns ``None`` after it has noted why."""

    name: str
    read: Callable[[Reading, Scope], Condition | None] | None = None
    keys: frozenset[str] = field(default_factory=frozenset)
    """The keys that may stand beside it."""
    wrap: Callable[[Reading, Scope, Condition], Condition | None] | None = None
    """Instead of ``read``, for a word that changes the condition beside it (``for``)."""
    consumes: frozenset[str] = field(default_factory=frozenset)
    """Operators that, beside this one, are its own to read: ``above`` beside ``rate`` compares the rate."""
    sustains: bool = False
    """Of a ``wrap``: what is beside it has to be known without a break (see ``Scope.sustained``)."""
