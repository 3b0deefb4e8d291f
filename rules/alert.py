"""An alert: one rule on one device, from inactive over pending and firing to resolved."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from devices.event import Millis
from rules.condition import Memory, Truth
from rules.decision import Position
from rules.rule import Rule
from rules.subject import NEVER, Subject

INACTIVE = 0
PENDING = 1
"""True at first sight: the next event that says so again fires it."""
FIRING = 2

Phase = Literal["inactive", "pending", "firing"]

_UNSETTLED: Any = object()


class Slot:
    """What the fold remembers of one rule on one device."""

    __slots__ = (
        "alert_id", "decided", "due", "memory", "phase", "position", "repeat_at", "rule", "seen", "settled", "since",
        "store_id", "timed",
    )  # fmt: skip

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.timed = rule.condition.timed
        self.memory: Memory = rule.condition.fresh()
        self.phase = INACTIVE
        self.seen = False
        """Whether the condition was ever known to be true or false: before that, true is first sight."""
        self.settled: Truth | Any = _UNSETTLED
        """The truth at which nothing is to be done."""
        self.alert_id = ""
        """Of the episode that is firing."""
        self.since: Millis = 0
        """When it began to fire."""
        self.store_id: str | None = None
        """The store that it is about, while firing."""
        self.repeat_at: Millis = NEVER
        self.due: Millis = NEVER
        """The earliest of the condition's deadline and the repeat."""
        self.position: Position | None = None
        """Where the newest decision was taken, and how many before it at the same position."""
        self.decided = 0

    def settle(self) -> None:
        """Work out ``settled`` from the phase."""
        if self.phase == FIRING:
            self.settled = True
        elif self.phase == INACTIVE and self.seen:
            self.settled = False
        else:
            self.settled = _UNSETTLED

    def start_over(self) -> None:
        """Forget what the condition remembered, not the alert."""
        self.memory = self.rule.condition.fresh()
        self.settled = _UNSETTLED
        self.due = self.repeat_at

    def carry_over(self, before: Slot) -> None:
        """Go on with the alert that an earlier version of the rule opened."""
        self.phase = FIRING
        self.seen = True
        self.alert_id = before.alert_id
        self.since = before.since
        self.store_id = before.store_id
        if self.rule.repeat_every_ms is not None and before.repeat_at != NEVER:
            self.repeat_at = self.due = before.repeat_at


class AlertView(NamedTuple):
    """An alert as others may look at it."""

    rule_id: str
    device_id: str
    phase: Phase
    since: Millis | None
    """Since when it fires."""
    alert_id: str | None


def view(slot: Slot, subject: Subject) -> AlertView:
    """The alert in ``slot``."""
    if slot.phase == FIRING:
        return AlertView(slot.rule.id, subject.id, "firing", slot.since, slot.alert_id)
    pending = slot.phase == PENDING or slot.rule.condition.pending(slot.memory)
    return AlertView(slot.rule.id, subject.id, "pending" if pending else "inactive", None, None)
