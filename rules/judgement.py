"""From what a condition came to, to what is decided: the transitions of an alert, and the decision's wording."""

from __future__ import annotations

import traceback
from typing import Any

import msgspec

from devices.event import Millis
from rules.alert import FIRING, INACTIVE, PENDING, Slot
from rules.condition import Truth
from rules.decision import Decision, Fault, Outcome, Position, Transition, derived_id
from rules.duration import spoken
from rules.subject import NEVER, Subject


def judge(
    slot: Slot, subject: Subject, truth: Truth, at: Millis, position: Position, out: list[Outcome], *, heard: bool
) -> None:
    """Move the alert on. ``heard``: an event of the device says so, not the passing of time or a change of rules."""
    if truth is True:
        if slot.phase == FIRING:
            pass
        elif (slot.seen or slot.rule.condition.witnessed) and (slot.phase == INACTIVE or heard):
            _fire(slot, subject, at, position, out)
        else:
            slot.phase = PENDING
            slot.seen = True
    elif slot.phase == FIRING:
        if truth is False:
            _resolve(slot, subject, at, position, out)
    else:
        slot.phase = INACTIVE
        slot.seen = slot.seen or truth is False
    slot.settle()


def _fire(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    slot.phase = FIRING
    slot.since = at
    slot.alert_id = _next_id(slot, subject, position)
    slot.store_id = slot.rule.condition.evidence(slot.memory, subject).get("store_id")
    if slot.rule.repeat_every_ms is not None:
        slot.repeat_at = at + slot.rule.repeat_every_ms
    out.append(_decision(slot, subject, slot.alert_id, "firing", at, position))


def _resolve(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    at = max(at, slot.since)
    out.append(_decision(slot, subject, _next_id(slot, subject, position), "resolved", at, position))
    slot.phase = INACTIVE
    slot.alert_id = ""
    slot.store_id = None
    slot.repeat_at = NEVER


def repeat(slot: Slot, subject: Subject, until: Millis, position: Position, out: list[Outcome]) -> None:
    """Say again that the alert fires, if that is due; once, however many repeats were missed until ``until``."""
    every = slot.rule.repeat_every_ms
    if slot.phase != FIRING or slot.repeat_at > until or every is None:
        return
    out.append(_decision(slot, subject, _next_id(slot, subject, position), "repeat", slot.repeat_at, position))
    slot.repeat_at += every * ((until - slot.repeat_at) // every + 1)


def withdraw(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """End the alert of a rule that no longer concerns the device. Nobody is told that all is well."""
    decision = _decision(slot, subject, _next_id(slot, subject, position), "resolved", max(at, slot.since), position)
    reason = f"rule {slot.rule.id} no longer applies to {subject.id}"
    explanation = {"operator": "withdrawn", "result": None, "reason": reason}
    out.append(msgspec.structs.replace(decision, summary=reason, explanation=explanation, notify=None))


def fault(slot: Slot, subject: Subject, position: Position, error: Exception) -> Fault:
    """Set the event aside for this rule: what its condition remembered can no longer be trusted."""
    slot.start_over()
    trace = "".join(traceback.format_exception(error))
    return Fault(slot.rule.id, subject.id, position, f"{type(error).__name__}: {error}", trace)


def _next_id(slot: Slot, subject: Subject, position: Position) -> str:
    """The decision's id; a second one of the same alert at the same position is told apart by its number."""
    again = slot.decided + 1 if slot.position == position else 0
    slot.position, slot.decided = position, again
    parts = (slot.rule.id, subject.id, position.seq, position.index)
    return derived_id("d", *parts, again) if again else derived_id("d", *parts)


def _decision(
    slot: Slot, subject: Subject, decision_id: str, transition: Transition, at: Millis, position: Position
) -> Decision:
    rule, facts = slot.rule, subject.facts
    return Decision(
        id=decision_id,
        rule_id=rule.id,
        rule_version=rule.version,
        subject=subject.id,
        at=at,
        transition=transition,
        alert_id=slot.alert_id,
        severity=rule.severity,
        purpose=rule.purpose,
        position=position,
        customer_id=facts.owner,
        store_id=slot.store_id or facts.store,
        summary=_summary(slot, subject, transition, at),
        values=_values(slot, subject),
        explanation=rule.condition.explain(slot.memory, subject, at),
        case=rule.case,
        notify=rule.notify,
        rule_summary=rule.summary,
        cooldown_ms=rule.cooldown_ms,
    )


def _summary(slot: Slot, subject: Subject, transition: Transition, at: Millis) -> str:
    phrase = slot.rule.condition.phrase(slot.memory, subject, at, holds=transition != "resolved")
    sentence = phrase if subject.id in phrase else f"{phrase} on {subject.id}"
    return f"after {spoken(at - slot.since)} still: {sentence}" if transition == "repeat" else sentence


def _values(slot: Slot, subject: Subject) -> dict[str, Any]:
    samples = subject.samples
    values = {name: samples[name][1] for name in slot.rule.metrics if name in samples}
    values |= {"device": subject.id, "model": subject.facts.model}
    store_id = slot.store_id or subject.facts.store
    if store_id is not None:
        values |= {"store_id": store_id, "store": subject.world.name_of(store_id)}
    return values
