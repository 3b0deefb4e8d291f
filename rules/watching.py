"""Rules that ask for another rule's alert on the same device: where it stands, and waking those that ask."""

from __future__ import annotations

from devices.event import Millis
from rules.alert import Slot
from rules.subject import Subject


def alert_of(subject: Subject, rule_id: str) -> Slot | None:
    """The rule's alert; ``None`` where there is none: it does not concern the subject, or has nothing to remember."""
    place = subject.plan.places.get(rule_id)
    return None if place is None else subject.slots.taken.get(place)


def wake(subject: Subject, rule_id: str, at: Millis) -> None:
    """The rule's alert began or ended at ``at``: those that ask for it are asked again, at that time.

    An event that may have caused it touches them as well (see ``Plan``); this is for what time or a person caused.
    """
    for place in subject.plan.watching.get(rule_id, ()):
        slot = subject.slots.take(place)
        slot.due = min(slot.due, at)
        subject.due = min(subject.due, at)
