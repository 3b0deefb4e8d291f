"""``all``: each of the conditions holds."""

from __future__ import annotations

from devices.event import Millis
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.logic import Combined, read_parts
from rules.reading import Reading
from rules.subject import Subject


class AllOf(Combined):
    """False if one part is false; else unknown if one is unknown; else true."""

    __slots__ = ("momentary", "witnessed")

    name = "all"

    def __init__(self, parts: tuple[Condition, ...]) -> None:
        super().__init__(parts)
        self.momentary = any(part.momentary for part in parts)
        self.witnessed = self.momentary or all(part.witnessed for part in parts)

    def conclude(self, found: list[Truth]) -> Truth:
        """Kleene's strong conjunction."""
        if False in found:
            return False
        return None if None in found else True

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """All of them, or the ones that no longer hold."""
        return " and ".join(self.phrases(memory, subject, at, holds=holds, result=holds))


def _read(reading: Reading, scope: Scope) -> Condition | None:
    parts = read_parts(reading, scope, "all")
    return None if parts is None else AllOf(parts)


OPERATOR = Operator("all", _read)
