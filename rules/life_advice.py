"""What an alert's life makes pointless, though it can be run: a warning, with the mend."""

from __future__ import annotations

from collections.abc import Iterator

from devices.event import Millis
from rules.condition import Condition
from rules.duration import spoken
from rules.problem import Problem
from rules.reading import Reading

LASTING = ("repeat_every", "auto_resolve_after")
"""What only an alert that lasts can do."""


def advise_on_life(rule: Reading, condition: Condition, durations: dict[str, Millis | None]) -> Iterator[Problem]:
    """The warnings on one rule.

    Args:
        rule: as it stands in its file.
        condition: what it asks.
        durations: by key, ms; ``None`` where the rule is silent.
    """
    repeat_every, auto_resolve_after = (durations.get(key) for key in LASTING)
    if condition.momentary:
        for key in LASTING:
            if durations.get(key) is not None:
                message = f"'{key}' does nothing: what the rule asks for is over in a moment, and so is its alert"
                yield _warning(rule, key, message, f"remove {key}")
    elif repeat_every is not None and auto_resolve_after is not None and repeat_every >= auto_resolve_after:
        message = f"it never repeats: the alert ends by itself after {spoken(auto_resolve_after)}"
        yield _warning(rule, "repeat_every", message, "write a repeat_every that is shorter than auto_resolve_after")


def _warning(rule: Reading, key: str, message: str, mend: str) -> Problem:
    node = rule.entries[key]
    return Problem(rule.file, node.line, node.column, rule.place(key), message, mend)
