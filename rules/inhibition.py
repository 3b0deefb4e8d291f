"""Inhibition: an alert that says nothing while another one, which explains it, fires on the same device.

A device that is offline does not also page for its absent metrics. What was not said is said once the other alert is
over, if it is still true by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from devices.event import Millis
from rules.alert import FIRING, Slot
from rules.duration import SECOND
from rules.problem import Problem, closest
from rules.reading import Reading
from rules.rule import Rule
from rules.source import Located
from rules.subject import Subject

SETTLE_MS: Millis = 30 * SECOND
"""After an inhibiting alert has ended, what it kept quiet has this long to end too before it is said: a device that
comes back online needs a moment until each of its metrics has arrived."""

_MEND = "write inhibited_by: [device-offline], a list of rule ids"


def inhibitor(slot: Slot, subject: Subject) -> str | None:
    """The rule whose alert speaks for the one in ``slot`` at this moment; ``None``: it speaks for itself."""
    names = slot.rule.inhibited_by
    if not names:
        return None
    for other in subject.slots:
        if other is not None and other.phase == FIRING and other.rule.id in names:
            return other.rule.id
    return None


def release(subject: Subject, at: Millis) -> None:
    """An alert has ended at ``at``, or other rules hold now: say soon what nothing keeps quiet any more.

    The subject's deadline is brought forward; its place in the timers is the caller's to renew.
    """
    for slot in subject.slots:
        if slot is None or slot.episode is None or not slot.episode.unsaid:
            continue
        if slot.episode.snoozed_until is None and inhibitor(slot, subject) is None:
            slot.episode.say_at = max(at, subject.last_at) + SETTLE_MS
            slot.due = min(slot.due, slot.episode.say_at)
            subject.due = min(subject.due, slot.due)


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands under one rule's ``inhibited_by``, and where."""

    rule_id: str
    """The rule that is inhibited."""
    names: dict[str, Located]
    reading: Reading
    """The whole rule's."""


def read_inhibited_by(rule: Reading, rule_id: str, references: list[Reference]) -> tuple[str, ...]:
    """The rules whose alerts speak for this one; whether they exist can only be said once all files are read."""
    names: dict[str, Located] = {}
    for node, path in rule.items("inhibited_by", _MEND):
        if isinstance(node.value, dict | list) or not node.text.strip():
            rule.problems.append(Problem(rule.file, node.line, node.column, path, "expected a rule's id here", _MEND))
        else:
            names.setdefault(node.text, node)
    if names:
        references.append(Reference(rule_id, names, rule))
    return tuple(names)


def check(references: Sequence[Reference], known: Iterable[str]) -> None:
    """Refuse rules that do not exist, and rules that would keep each other quiet for ever."""
    ids = sorted(known)
    for reference in references:
        for name, node in reference.names.items():
            if name not in ids:
                _refuse(reference, node, f"there is no rule '{name}'", closest(name, ids, f"rules: {', '.join(ids)}"))
    try:
        TopologicalSorter({reference.rule_id: reference.names for reference in references}).prepare()
    except CycleError as error:
        # The circle as graphlib gives it: each inhibits the next, the last is the first again.
        circle: list[str] = error.args[1]
        reference = next(reference for reference in references if reference.rule_id == circle[1])
        problem = f"these rules inhibit each other: {' → '.join(circle)}"
        if len(set(circle)) == 1:
            problem = f"'{circle[0]}' cannot inhibit itself"
        _refuse(reference, reference.names[circle[0]], problem, "let the rule that explains the others inhibit them")


def _refuse(reference: Reference, node: Located, message: str, mend: str) -> None:
    rule = reference.reading
    rule.problems.append(Problem(rule.file, node.line, node.column, rule.place("inhibited_by"), message, mend))


def in_order(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The same rules, each after those that inhibit it: of two that fire at the same moment it is the quiet one.

    The rules must have passed ``check``.
    """
    if not any(rule.inhibited_by for rule in rules):
        return tuple(rules)
    by_id = {rule.id: rule for rule in rules}
    order = TopologicalSorter({rule.id: rule.inhibited_by for rule in rules}).static_order()
    return tuple(by_id[rule_id] for rule_id in order)
