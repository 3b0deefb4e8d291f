"""A person's word on an alert: acknowledge, snooze, resolve."""

from __future__ import annotations

from collections.abc import Callable

from devices.event import AlertCommand, Millis
from rules.alert import Slot
from rules.decision import Intervention, Outcome, Position, derived_id
from rules.group import customer_of
from rules.inhibition import acknowledged
from rules.judgement import ENDINGS, end, fault
from rules.state import PartitionState
from rules.subject import Subject
from rules.timers import run_due

SOMEBODY = "a person"


def obey(state: PartitionState, said: AlertCommand, position: Position, out: list[Outcome]) -> None:
    """Do what a person said of an alert. Saying it twice, or once the alert is over, changes nothing."""
    subject = state.subjects.get(said.device_id)
    if subject is None:
        return
    at = max(said.at - subject.lag, subject.last_at, state.now - subject.lag)
    run_due(subject, at - 1, position, out)
    for slot in subject.slots:
        if slot is not None and slot.rule.id == said.rule_id and slot.alert_id == said.alert_id:
            try:
                _heed(slot, subject, said, at, position, out)
            except Exception as error:  # noqa: BLE001 - a rule that raises is set aside, the fold goes on
                out.append(fault(slot, subject, position, error))
            subject.due = min(subject.due, slot.due)
    run_due(subject, at, position, out)  # rules that ask for this alert
    state.dirty.add(subject.id)
    state.schedule(subject)


def _heed(slot: Slot, subject: Subject, said: AlertCommand, at: Millis, position: Position, out: list[Outcome]) -> None:
    if _ACTIONS[said.action](slot, subject, said, at, position, out):
        out.append(
            Intervention(
                id=derived_id("i", said.alert_id, position.seq, position.index),
                at=said.at,
                action="snooze" if said.action == "snooze" else "acknowledge",
                by=said.by or SOMEBODY,
                alert_id=said.alert_id,
                rule_id=said.rule_id,
                subject=subject.id,
                customer_id=customer_of(subject, slot.rule, said.action),
                until=said.until if said.action == "snooze" else None,
            )
        )
    slot.due = min(slot.due, max(at, slot.episode_due()))


def _acknowledge(
    slot: Slot, subject: Subject, said: AlertCommand, at: Millis, _position: Position, _out: list[Outcome]
) -> bool:
    """Somebody knows: no repeats any more, nothing that still has to be said. Being raised is news all the same."""
    episode = slot.episode
    if episode is None or episode.acknowledged_at is not None:
        return False
    episode.acknowledged_at, episode.acknowledged_by = at, said.by or SOMEBODY
    episode.repeat_at = episode.snoozed_until = episode.say_at = None
    episode.unsaid = False
    acknowledged(slot, subject, at)
    return True


def _snooze(
    slot: Slot, subject: Subject, said: AlertCommand, at: Millis, _position: Position, _out: list[Outcome]
) -> bool:
    """Nobody is to hear of it until a time of ours; then it is said again, if it still fires."""
    episode = slot.episode
    until = None if said.until is None else said.until - subject.lag
    if episode is None or until is None or until <= at or until == episode.snoozed_until:
        return False
    episode.snoozed_until = until
    episode.repeat_at = episode.say_at = None
    return True


def _resolve(
    slot: Slot, subject: Subject, said: AlertCommand, at: Millis, position: Position, out: list[Outcome]
) -> bool:
    by = said.by or SOMEBODY
    end(slot, subject, at, position, out, ended_by=f"{SOMEBODY} named {by}" if by in ENDINGS else by)
    return False


_ACTIONS: dict[str, Callable[[Slot, Subject, AlertCommand, Millis, Position, list[Outcome]], bool]] = {
    "acknowledge": _acknowledge,
    "snooze": _snooze,
    "resolve": _resolve,
}
