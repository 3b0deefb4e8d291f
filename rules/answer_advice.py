"""What makes waiting for an answer pointless, though it can be run: a warning, with the mend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.decision import NotifyAction
from rules.problem import Problem
from rules.reading import Reading

ANSWERED_ON = frozenset({"push", "webpush", "sms", "inbox"})
"""Channels on which a person's answer, or their app's word that they have seen it, comes back."""


def advise_on_answers(
    rule: Reading, purpose: str, own: NotifyAction | None, steps: Iterable[NotifyAction | None]
) -> Iterator[Problem]:
    """The warnings on one rule.

    Args:
        rule: as it stands in its file.
        purpose: the consent that it needs.
        own: the words that it sends.
        steps: those of its steps; what they don't say themselves is the rule's own.
    """
    for action in dict.fromkeys([own, *steps]):
        if action is None or action.unanswered is None:
            continue
        key = "then" if action == own else "steps"
        if purpose == "offers":
            message = (
                "each offer that nobody answers opens a case, and while that is open the customer gets no more of them"
            )
            yield _warning(rule, key, message, "keep 'unanswered' for maintenance, service and safety")
        elif action.channels and not action.link and ANSWERED_ON.isdisjoint(action.channels):
            message = f"nobody can answer by {' or '.join(action.channels)}, so the case opens each time"
            yield _warning(rule, key, message, "add push, sms or inbox, or a link to follow")


def _warning(rule: Reading, key: str, message: str, mend: str) -> Problem:
    node = rule.entries[key]
    return Problem(rule.file, node.line, node.column, rule.place(key), message, mend)
