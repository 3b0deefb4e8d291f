"""Asks the first rule's condition, as it stands, about the device of a story."""

from __future__ import annotations

from typing import Any

from rules.alert import Slot
from rules.subject import Subject
from tests.unit.rules.story import Story


def _found(story: Story) -> tuple[Slot, Subject]:
    subject = story.state.subjects["chiller-7"]
    slot = subject.slots[0]
    assert slot is not None
    return slot, subject


def explained(story: Story) -> dict[str, Any]:
    """What it says of the newest event."""
    slot, subject = _found(story)
    return slot.rule.condition.explain(slot.memory, subject, subject.last_at)


def evidence(story: Story) -> dict[str, Any]:
    """What it gives to templates."""
    slot, subject = _found(story)
    return slot.rule.condition.evidence(slot.memory, subject)


def phrase(story: Story) -> str:
    """Why it holds."""
    slot, subject = _found(story)
    return slot.rule.condition.phrase(slot.memory, subject, subject.last_at, holds=True)


def memory(story: Story) -> list[Any]:
    """What it remembers."""
    return _found(story)[0].memory
