"""Rules that speak of other rules: what they name must exist, fit, and lead round no circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

from rules.conditions.catalog import OPERATORS
from rules.mentions import Mention, Mentions
from rules.problem import Problem, closest
from rules.reading import Reading
from rules.rule import Membership, Rule
from rules.selector import Selector
from rules.source import Located

BESIDE_A_GROUP: Final = frozenset(
    {"group", "firing", "all", "any", "not", "for", "count", "sequence", "during", "store"}
)
"""The operators that can be asked of a group; the others are about a device."""
_HOLD_CONDITIONS: Final = frozenset({"all", "any", "not", "sequence", "steps", "when"})
"""The keys under which more of a condition stands."""
_ABOUT_DEVICES: Final = {"metric", *OPERATORS} - BESIDE_A_GROUP


def group_by(mentions: Mentions, rule: Reading) -> str:
    """What the rule's groups have in common; empty where it is about devices. Notes what cannot stand together."""
    if not mentions.groups:
        return ""
    by = mentions.groups[0].by
    for part in mentions.groups[1:]:
        if part.by != by:
            message = f"one rule cannot be about groups by {by} and by {part.by}"
            part.reading.refuse("by", message, f"write by: {by}, or make it a rule of its own")
    for key in ("when", "steps"):
        if key in rule:
            _refuse_what_is_of_a_device(rule, rule.entries[key], rule.place(key))
    return by


def _refuse_what_is_of_a_device(rule: Reading, node: Located, path: str) -> None:
    """Everywhere in a condition, but inside of the ``where`` of its groups."""
    if isinstance(node.value, list):
        for number, item in enumerate(node.value):
            _refuse_what_is_of_a_device(rule, item, f"{path}[{number}]")
    if not isinstance(node.value, dict):
        return
    stranger = next((key for key in node.value if key in _ABOUT_DEVICES), None)
    if stranger is not None:
        inner = node.value[stranger]
        message = f"'{stranger}' is about one device, but this rule is about a group of devices"
        mend = "move it into the group's where, or make it a rule of its own"
        place = f"{path}.{stranger}"
        rule.problems.append(Problem(rule.file, inner.key_line, inner.key_column, place, message, mend))
        return
    for key in node.value.keys() & _HOLD_CONDITIONS:
        _refuse_what_is_of_a_device(rule, node.value[key], f"{path}.{key}")


def members(mentions: Mentions, version: str, selector: Selector) -> tuple[Rule, ...]:
    """What is asked of each device for the rule's group conditions. A rule's id has no ``/``, so these are apart."""
    parts = mentions.groups
    return tuple(
        Rule(
            id=f"{mentions.rule_id}/where" if len(parts) == 1 else f"{mentions.rule_id}/where-{number + 1}",
            version=f"{version}/{number}",
            selector=selector,
            condition=part.where,
            severity="info",
            purpose="maintenance",
            member_of=Membership(part.by, mentions.rule_id, version, number),
            mentions=mentions.asked(member=True),
            metrics=tuple(sorted(key for key in part.where.watches if key.isprintable())),
        )
        for number, part in enumerate(parts)
    )


def check(said: Mapping[str, Mentions], rules: Mapping[str, Rule | None]) -> None:
    """Refuse rules that do not exist, that fire on something else, and that wait for each other in a circle.

    Args:
        said: what each rule mentions, by its id.
        rules: all rules by id; ``None`` where one has problems of its own.
    """
    for mentions in said.values():
        for mention in mentions.alerts:
            if mention.rule_id in rules:
                _check_subject(mention, mentions, rules[mention.rule_id])
            else:
                known = sorted(rules)
                mend = closest(mention.rule_id, known, f"rules: {', '.join(known)}")
                mention.reading.refuse(mention.key, f"there is no rule '{mention.rule_id}'", mend)
    try:
        TopologicalSorter(
            {name: [mention.rule_id for mention in mentions.alerts] for name, mentions in said.items()}
        ).prepare()
    except CycleError as error:
        _refuse_circle(error.args[1], said)


def _refuse_circle(found: list[str], said: Mapping[str, Mentions]) -> None:
    # As graphlib gives it, each is asked for by the next. It is told the other way round, from the first in the files.
    circle = found[:0:-1]
    first = min(range(len(circle)), key=lambda place: list(said).index(circle[place]))
    circle = [*circle[first:], *circle[:first], circle[first]]
    mention = next(mention for mention in said[circle[0]].alerts if mention.rule_id == circle[1])
    message = f"these rules wait for each other: {' → '.join(circle)}"
    if len(circle) == 2:  # noqa: PLR2004 - itself and itself again
        message = f"'{circle[0]}' waits for itself"
    mention.reading.refuse(mention.key, message, "take 'firing' out of one of them")


def _check_subject(mention: Mention, mentions: Mentions, rule: Rule | None) -> None:
    """An alert fires on a device or on a group, so only a rule about the same can ask for it there."""
    if rule is None:
        return
    own = "" if mention.member or not mentions.groups else mentions.groups[0].by
    if rule.group_by == own:
        return
    subjects = {by: f"groups by {by}" if by else "devices" for by in (own, rule.group_by)}
    message = f"'{rule.id}' fires on {subjects[rule.group_by]}, never on {subjects[own]}"
    mend = "name a rule about a device here" if not own else f"name a rule about groups by {own}, or move it into where"
    mention.reading.refuse(mention.key, message, mend)


def in_order(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The same rules, each after those whose alerts it asks for, and after those that inhibit it.

    So one event is answered in one go: a rule that asks for an alert sees what that came to, and of two that fire at
    the same moment the inhibited one is the quiet one. Where the two wishes exclude each other, asking goes first.
    The rules must have passed ``check``.
    """
    by_id = {rule.id: rule for rule in rules}
    # Lists, never sets: a set of texts has another order in each process, and here the order of the rules is decided.
    asked = {rule.id: [*rule.mentions, *(name for part in rule.members for name in part.mentions)] for rule in rules}
    both = {rule.id: [*asked[rule.id], *rule.inhibited_by] for rule in rules}
    if not any(both.values()):
        return tuple(rules)
    try:
        order = list(TopologicalSorter(both).static_order())
    except CycleError:
        order = list(TopologicalSorter(asked).static_order())
    return tuple(by_id[rule_id] for rule_id in order)
