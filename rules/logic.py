"""What ``all``, ``any`` and ``not`` share: several conditions side by side, each with its own memory."""

from __future__ import annotations

from typing import Any

from devices.event import Millis
from rules.band import Quiet, common
from rules.condition import Condition, Memory, Scope, Truth
from rules.reading import Reading
from rules.subject import NEVER, Subject


class Combined(Condition):
    """Several conditions. Memory: the list of theirs. All are asked each time, since each has to remember."""

    __slots__ = ("parts", "timed", "watches")

    name: str

    def __init__(self, parts: tuple[Condition, ...]) -> None:
        self.parts = parts
        self.timed = any(part.timed for part in parts)
        self.watches = frozenset().union(*(part.watches for part in parts))

    def conclude(self, found: list[Truth]) -> Truth:
        """One truth from those of the parts."""
        raise NotImplementedError

    def fresh(self) -> Memory:
        """A fresh memory for each part."""
        return [part.fresh() for part in self.parts]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Ask each part."""
        return self.conclude([part.on_event(memory[i], subject, at) for i, part in enumerate(self.parts)])

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Ask each part."""
        return self.conclude([part.on_time(memory[i], subject, at) for i, part in enumerate(self.parts)])

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The earliest of the parts' deadlines."""
        return min(
            (part.next_deadline(memory[i], subject, after) for i, part in enumerate(self.parts) if part.timed),
            default=NEVER,
        )

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Where each part is quiet: each of them has to remember."""
        found = []
        for i, part in enumerate(self.parts):
            quiet = part.quiet(memory[i], subject, at)
            if quiet is None:
                return None
            found.append(quiet)
        return Quiet(self.conclude([quiet.truth for quiet in found]), common(quiet.bands for quiet in found))

    def pending(self, memory: Memory) -> bool:
        """Whether a part is."""
        return any(part.pending(memory[i]) for i, part in enumerate(self.parts))

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """Each part's explanation."""
        parts = [part.explain(memory[i], subject, at) for i, part in enumerate(self.parts)]
        return {"operator": self.name, "result": self.conclude([part["result"] for part in parts]), "of": parts}

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """All parts' evidence together."""
        found: dict[str, Any] = {}
        for i, part in enumerate(self.parts):
            found.update(part.evidence(memory[i], subject))
        return found

    def phrases(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool, result: Truth) -> list[str]:
        """The phrases of the parts that came to ``result``; of all where none did."""
        pairs = [(part, memory[i]) for i, part in enumerate(self.parts)]
        chosen = [pair for pair in pairs if pair[0].explain(pair[1], subject, at)["result"] is result]
        return [part.phrase(memory, subject, at, holds=holds) for part, memory in chosen or pairs]


def read_parts(reading: Reading, scope: Scope, key: str) -> tuple[Condition, ...] | None:
    """The conditions in the list under ``key``."""
    mend = f"write a list of conditions: {key}: [{{metric: temperature, above: 8}}, …]"
    parts = [scope.read(node, path, scope) for node, path in reading.items(key, mend)]
    found = tuple(part for part in parts if part is not None)
    return found if found and len(found) == len(parts) else None
