"""Inhibition: an alert that says nothing while another one, which explains it, fires on its device or in its store.

A device that is offline does not also page for its absent metrics. What was not said is said once the other alert is
over, if it is still true by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from devices.event import Millis
from rules.alert import FIRING, Episode, Slot
from rules.announcement import Bulletin
from rules.decision import Intervention, Outcome, Position, derived_id
from rules.duration import SECOND
from rules.group import customer_of
from rules.lateness import late_by
from rules.problem import Problem, closest
from rules.reading import Reading
from rules.source import Located
from rules.subject import Subject

SETTLE_MS: Millis = 30 * SECOND
"""After an inhibiting alert has ended, what it kept quiet has this long to end too before it is said: a device that
comes back online needs a moment until each of its metrics has arrived."""

_MEND = "write inhibited_by: [device-offline], a list of rule ids"
_STORE_MEND = "write {rule: gateway-down, same: store}"


def inhibitor(slot: Slot, subject: Subject) -> str | None:
    """The rule whose alert speaks for the one in ``slot`` at this moment; ``None``: it speaks for itself."""
    names = slot.rule.inhibited_by
    if not names:
        return None
    for other in subject.slots:
        if other is not None and other.phase == FIRING and other.rule.id in names:
            return other.rule.id
    store, fires = store_of(slot, subject), subject.world.bulletin.fires
    return next((name for name in slot.rule.inhibited_in_store if store is not None and fires(name, store)), None)


def store_of(slot: Slot, subject: Subject) -> str | None:
    """The store whose alerts may speak for the one in ``slot``."""
    return (None if slot.episode is None else slot.episode.store_id) or subject.facts.store


def listen(slot: Slot, subject: Subject) -> None:
    """An alert fires, goes on under other rules, or stands in another store: put it where that store's are found."""
    if slot.episode is not None and slot.rule.inhibited_in_store:
        store = store_of(slot, subject)
        if store is not None:
            subject.world.bulletin.listen(store, subject.id)


def leave(subject: Subject, store: str | None) -> None:
    """An alert of the subject's about ``store`` is over."""
    if store is not None and not _heeded_in(subject, store):
        subject.world.bulletin.leave(store, subject.id)


def concerned(subjects: Mapping[str, Subject], bulletin: Bulletin, rule_id: str, store: str) -> list[Subject]:
    """Those of the subjects for whose alerts the rule's alert in ``store`` may speak, or have spoken, in a fixed order.

    Only those are asked that have had such an alert there; the rest of a partition has nothing to do with it.
    """
    found = []
    for subject_id in bulletin.listeners(store):
        subject = subjects.get(subject_id)
        names = set() if subject is None else _heeded_in(subject, store)
        if subject is not None and rule_id in names:
            found.append(subject)
        elif not names:
            bulletin.leave(store, subject_id)
    return found


def _heeded_in(subject: Subject, store: str) -> set[str]:
    """The rules whose alerts in ``store`` may speak for alerts of the subject."""
    return {
        name
        for slot in subject.slots
        if slot.episode is not None and slot.rule.inhibited_in_store and store_of(slot, subject) == store
        for name in slot.rule.inhibited_in_store
    }


def release(subject: Subject, at: Millis) -> None:
    """An alert has ended at ``at``, other rules hold, or the device caught up: say soon what nothing keeps quiet now.

    The subject's deadline is brought forward; its place in the timers is the caller's to renew.
    """
    late = late_by(subject) is not None
    for slot in subject.slots:
        episode = slot.episode
        if episode is not None and (episode.inhibited_by is not None or (episode.unsaid and not late)):
            _let_speak(slot, subject, episode, at)


def acknowledged(slot: Slot, subject: Subject, at: Millis) -> None:
    """Somebody has taken notice of the alert at ``at``: nothing is said any more, but that nothing speaks for it."""
    if slot.episode is not None and slot.episode.inhibited_by is not None:
        _let_speak(slot, subject, slot.episode, at)


def _let_speak(slot: Slot, subject: Subject, episode: Episode, at: Millis) -> None:
    """Unless it is snoozed, whose end says it, or something speaks for it still.

    Once that is planned it stays so, however often alerts end that never spoke for it.
    """
    if episode.say_at is None and episode.snoozed_until is None and inhibitor(slot, subject) is None:
        episode.say_at = max(at, subject.last_at) + SETTLE_MS
        slot.due = min(slot.due, episode.say_at)
        subject.due = min(subject.due, slot.due)


def hush(subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """An alert fires, or other rules hold: what was said already, and is spoken for from now on, becomes quiet.

    A moment does not: it is over before anything could be said anew.
    """
    for slot in subject.slots:
        episode = slot.episode
        by = None if episode is None else inhibitor(slot, subject)
        if episode is None or by is None:
            continue
        episode.say_at = None  # its end plans that anew
        if episode.inhibited_by is None and not slot.rule.condition.momentary:
            episode.inhibited_by = by
            out.append(_word("inhibit", by, slot, subject, episode, at, position))


def unhush(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """Nothing speaks for the alert any more, and it has nothing new to say: what was under way goes on."""
    episode = slot.episode
    if episode is not None and episode.inhibited_by is not None:
        by, episode.inhibited_by = episode.inhibited_by, None
        out.append(_word("release", by, slot, subject, episode, at, position))


def _word(
    action: Literal["inhibit", "release"],
    by: str,
    slot: Slot,
    subject: Subject,
    episode: Episode,
    at: Millis,
    position: Position,
) -> Intervention:
    return Intervention(
        id=derived_id("i", episode.alert_id, position.seq, position.index, action, at),
        at=at + subject.lag,
        action=action,
        by=by,
        alert_id=episode.alert_id,
        rule_id=slot.rule.id,
        subject=subject.id,
        customer_id=customer_of(subject, slot.rule, "resolved"),  # whoever hears of its end
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands under one rule's ``inhibited_by``, and where."""

    rule_id: str
    """The rule that is inhibited."""
    names: dict[str, Located]
    reading: Reading
    """The whole rule's."""
    in_store: list[str] = field(default_factory=list)
    """Those of the names that count in the whole store."""


def read_inhibited_by(rule: Reading, rule_id: str, references: list[Reference]) -> Reference:
    """The rules whose alerts speak for this one; whether they exist can only be said once all files are read."""
    found = Reference(rule_id, {}, rule)
    for node, path in rule.items("inhibited_by", _MEND):
        if isinstance(node.value, dict):
            _read_in_store(found, node, path)
        elif isinstance(node.value, list) or not node.text.strip():
            rule.problems.append(Problem(rule.file, node.line, node.column, path, "expected a rule's id here", _MEND))
        else:
            found.names.setdefault(node.text, node)
    if found.names:
        references.append(found)
    return found


def _read_in_store(found: Reference, node: Located, path: str) -> None:
    """``{rule: gateway-down, same: store}``."""
    reading = Reading(found.reading.file, node, path, found.reading.problems)
    reading.only(("rule", "same"))
    present = all([reading.need("rule", _STORE_MEND), reading.need("same", _STORE_MEND)])
    name, same = reading.text("rule"), reading.choice("same", ("store",))
    if present and name is not None and same is not None:
        found.names.setdefault(name, node.value["rule"])
        found.in_store.append(name)


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
