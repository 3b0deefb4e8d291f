"""``not``: the condition under it does not hold."""

from __future__ import annotations

from devices.event import Millis
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.logic import Combined
from rules.reading import Reading
from rules.subject import Subject


class NotOf(Combined):
    """True if its part is false, false if it is true; the opposite of unknown is unknown."""

    __slots__ = ()

    name = "not"

    def conclude(self, found: list[Truth]) -> Truth:
        """Negation."""
        return None if found[0] is None else not found[0]

    def pending(self, memory: Memory) -> bool:
        """A count that makes its part true makes this false: never pending."""
        return False

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``temperature 5 is no longer above 8``."""
        return self.parts[0].phrase(memory[0], subject, at, holds=not holds)


def _read(reading: Reading, scope: Scope) -> Condition | None:
    part = scope.read(reading.entries["not"], reading.place("not"), scope)
    return None if part is None else NotOf((part,))


OPERATOR = Operator("not", _read)
