"""What an alert's life makes pointless, though it can be run: a warning, with the mend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from devices.event import Millis
from rules.condition import Condition
from rules.decision import NotifyAction
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


def advise_on_repeats(
    rule: Reading, condition: Condition, repeat_every: Millis | None, words: Iterable[NotifyAction | None]
) -> Iterator[Problem]:
    """The warning on a rule whose repeats begin an escalation while the one before still goes on.

    Args:
        rule: as it stands in its file.
        condition: what it asks.
        repeat_every: ms; ``None`` where the rule is silent.
        words: the rule's own and those of its steps. Where they name no channels one is counted: how many the customer
            has is not known here.
    """
    longest = max((_whole_ms(action) for action in words if action is not None), default=0)
    if repeat_every is not None and repeat_every < longest and not condition.momentary:
        message = (
            f"it repeats every {spoken(repeat_every)}, but asking on all its channels takes {spoken(longest)}: "
            "two escalations would run side by side"
        )
        mend = f"write a repeat_every of {spoken(longest)} or more, or a shorter escalate_after"
        yield _warning(rule, "repeat_every", message, mend)


def _whole_ms(action: NotifyAction) -> Millis:
    """From the first message to the end of the wait after the last one, where nobody answers."""
    return max(1, len(action.channels)) * (action.escalate_after_ms or 0)


def _warning(rule: Reading, key: str, message: str, mend: str) -> Problem:
    node = rule.entries[key]
    return Problem(rule.file, node.line, node.column, rule.place(key), message, mend)
