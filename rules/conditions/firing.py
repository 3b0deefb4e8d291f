"""``firing``: the alert of another rule fires on the same device."""

from __future__ import annotations

from typing import Any

from devices.event import Millis
from rules.alert import FIRING
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.mentions import Mention
from rules.reading import Reading
from rules.subject import Subject
from rules.watching import alert_of


class Firing(Condition):
    """True while the alert fires, else false; never unknown. Remembers nothing.

    Whoever changes that alert wakes this condition (``rules.watching.wake``), which is why it counts as timed.
    """

    __slots__ = ("rule_id",)

    watches = frozenset[str]()
    timed = True
    witnessed = True

    def __init__(self, rule_id: str) -> None:
        self.rule_id = rule_id

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at the alert."""
        slot = alert_of(subject, self.rule_id)
        return slot is not None and slot.phase == FIRING

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """Which alert, and since when it fires."""
        slot = alert_of(subject, self.rule_id)
        episode = None if slot is None else slot.episode
        return {
            "operator": "firing",
            "rule_id": self.rule_id,
            "alert_id": None if episode is None else episode.alert_id,
            "since": None if episode is None else episode.since,
            "result": self.on_event(memory, subject, at),
        }

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``chiller-warm fires (temperature 9.4 is above 8)``."""
        slot = alert_of(subject, self.rule_id)
        why = "" if slot is None else f" ({slot.rule.condition.phrase(slot.memory, subject, at, holds=holds)})"
        return f"{self.rule_id} {'fires' if holds else 'no longer fires'}{why}"


def _read(reading: Reading, scope: Scope) -> Condition | None:
    rule_id = reading.text("firing")
    if rule_id is None:
        return None
    scope.mentions.alerts.append(Mention(rule_id, reading, "firing", scope.member))
    return Firing(rule_id)


OPERATOR = Operator("firing", _read)
