"""An alert: one rule on one device, from inactive over pending and firing to resolved."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from devices.event import Millis
from rules.condition import Memory, Truth
from rules.decision import Position
from rules.rule import Rule
from rules.subject import NEVER, Subject

INACTIVE = 0
PENDING = 1
"""True at first sight: the next event that says so again fires it."""
FIRING = 2
OVER = 3
"""Ended by a person or by time while the condition may still hold: it has to be false once before it fires again."""

Phase = Literal["inactive", "pending", "firing"]

_UNSETTLED: Any = object()


class Episode(msgspec.Struct, array_like=True, gc=False):
    """One alert from its firing to its end. Times are on the device's clock. Written into checkpoints as it is."""

    rule_id: str
    alert_id: str
    since: Millis
    """When it began to fire."""
    store_id: str | None
    """The store that it is about."""
    repeat_at: Millis | None = None
    severity: str = ""
    """As said last; empty in checkpoints of before there were steps."""
    holding: tuple[str, ...] = ()
    """The steps that hold, by severity; one that became unknown stays what it was."""
    risen_at: Millis | None = None
    """When it was last raised."""
    acknowledged_at: Millis | None = None
    acknowledged_by: str | None = None
    snoozed_until: Millis | None = None
    unsaid: bool = False
    """Something was not said, since another rule's alert spoke for this one or it was snoozed."""
    say_at: Millis | None = None
    """When to say what was not said."""
    announced_in: str | None = None
    """The store for which it speaks, once all partitions were told."""
    inhibited_by: str | None = None
    """The rule of which was last said that its alert speaks for this one."""

    def due(self, auto_resolve_after: Millis | None) -> Millis:
        """The next time at which something is to be done by itself."""
        found = NEVER
        for at in (self.repeat_at, self.snoozed_until, self.say_at, self.ends_at(auto_resolve_after)):
            if at is not None and at < found:
                found = at
        return found

    def ends_at(self, auto_resolve_after: Millis | None) -> Millis | None:
        """When it ends by itself, that long after it fired or was last raised."""
        if auto_resolve_after is None:
            return None
        return (self.since if self.risen_at is None else self.risen_at) + auto_resolve_after


class Slot:
    """What the fold remembers of one rule on one device."""

    __slots__ = ("decided", "due", "episode", "memory", "phase", "position", "rule", "seen", "settled", "timed")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.timed = rule.condition.timed
        self.memory: Memory = rule.condition.fresh()
        self.phase = INACTIVE
        self.seen = False
        """Whether the condition was ever known to be true or false: before that, true is first sight."""
        self.settled: Truth | Any = _UNSETTLED
        """The truth at which nothing is to be done."""
        self.episode: Episode | None = None
        """The alert, while it fires."""
        self.due: Millis = NEVER
        """No deadline of the condition or of the alert is earlier."""
        self.position: Position | None = None
        """Where the newest decision was taken, and how many before it at the same position."""
        self.decided = 0

    @property
    def alert_id(self) -> str:
        """Of the episode that fires; empty without one."""
        return "" if self.episode is None else self.episode.alert_id

    def next_order(self, position: Position) -> tuple[int, int, int]:
        """Where the next of its effects at ``position`` stands among all that it ever has."""
        self.decided = self.decided + 1 if self.position == position else 0
        self.position = position
        return position.seq, position.index, self.decided

    def settle(self) -> None:
        """Work out ``settled`` from the phase."""
        if self.rule.steps or (self.rule.condition.momentary and self.phase == FIRING):
            self.settled = _UNSETTLED
        elif self.phase in (FIRING, OVER):
            self.settled = True
        elif self.phase == INACTIVE and self.seen:
            self.settled = False
        else:
            self.settled = _UNSETTLED

    def episode_due(self) -> Millis:
        """The next time at which the alert changes by itself."""
        return NEVER if self.episode is None else self.episode.due(self.rule.auto_resolve_after_ms)

    def start_over(self) -> None:
        """Forget what the condition remembered, not the alert."""
        self.memory = self.rule.condition.fresh()
        self.settled = _UNSETTLED
        self.due = self.episode_due()

    def carry_over(self, before: Slot) -> None:
        """Go on with the alert that an earlier version of the rule opened."""
        self.phase = FIRING
        self.seen = True
        self.episode = before.episode
        self.position, self.decided = before.position, before.decided  # it may have decided in this very step
        if self.episode is not None and self.rule.repeat_every_ms is None:
            self.episode.repeat_at = None
        self.due = self.episode_due()


class AlertView(NamedTuple):
    """An alert as others may look at it."""

    rule_id: str
    device_id: str
    phase: Phase
    since: Millis | None
    """Since when it fires."""
    alert_id: str | None
    severity: str | None = None
    """While it fires."""


def view(slot: Slot, subject: Subject) -> AlertView:
    """The alert in ``slot``."""
    episode = slot.episode
    if episode is not None:
        severity = episode.severity or slot.rule.severity
        return AlertView(slot.rule.id, subject.id, "firing", episode.since, episode.alert_id, severity)
    pending = slot.phase == PENDING or slot.rule.condition.pending(slot.memory)
    return AlertView(slot.rule.id, subject.id, "pending" if pending else "inactive", None, None)
