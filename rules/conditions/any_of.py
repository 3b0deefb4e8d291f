"""``any``: at least one of the conditions holds."""

from __future__ import annotations

from devices.event import Millis
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.logic import Combined, read_parts
from rules.reading import Reading
from rules.subject import Subject


class AnyOf(Combined):
    """True if one part is true; else unknown if one is unknown; else false."""

    __slots__ = ("momentary", "witnessed")

    name = "any"

    def __init__(self, parts: tuple[Condition, ...]) -> None:
        super().__init__(parts)
        self.momentary = all(part.momentary for part in parts)
        self.witnessed = all(part.witnessed for part in parts)

    def conclude(self, found: list[Truth]) -> Truth:
        """Kleene's strong disjunction."""
        if True in found:
            return True
        return None if None in found else False

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """The ones that hold, or all that no longer do."""
        joint = " or " if holds else " and "
        return joint.join(self.phrases(memory, subject, at, holds=holds, result=holds))


def _read(reading: Reading, scope: Scope) -> Condition | None:
    parts = read_parts(reading, scope, "any")
    return None if parts is None else AnyOf(parts)


OPERATOR = Operator("any", _read)
