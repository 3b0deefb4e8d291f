"""From what a condition came to, to what is decided: the transitions of an alert, and the decision's wording."""

from __future__ import annotations

import traceback
from typing import Any, Final, cast

import msgspec

from devices.event import Millis
from rules import inhibition
from rules.alert import FIRING, INACTIVE, OVER, PENDING, Episode, Slot
from rules.announcement import announce, retract
from rules.condition import Truth
from rules.decision import Decision, Fault, Outcome, Position, Severity, Transition, derived_id
from rules.duration import spoken
from rules.group import customer_of, kind_of
from rules.lateness import late_by
from rules.membership import join, leave
from rules.steps import RANK, Stepped, highest
from rules.subject import Subject
from rules.watching import wake

PASSED: Final = "passed"
"""Ended by itself: what fired it happened, and lasted for a moment only."""
BY_TIME: Final = "time"
WITHDRAWN: Final = "withdrawn"
ENDINGS: Final = (PASSED, BY_TIME, WITHDRAWN)
"""How alerts end that neither recover nor are resolved by a person: ``Decision.ended_by``."""


def judge(
    slot: Slot, subject: Subject, truth: Truth, at: Millis, position: Position, out: list[Outcome], *, heard: bool
) -> None:
    """Move the alert on. ``heard``: an event of the device says so, not the passing of time or a change of rules."""
    if slot.phase == FIRING:
        _go_on(slot, subject, truth, at, position, out)
    elif slot.phase == OVER:
        if truth is False:
            slot.phase = INACTIVE
    elif truth is True:
        if (slot.seen or slot.rule.condition.witnessed) and (slot.phase == INACTIVE or heard):
            _fire(slot, subject, at, position, out)
        else:
            slot.phase = PENDING
        slot.seen = True
    else:
        slot.phase = INACTIVE
        slot.seen = slot.seen or truth is False
    slot.settle()


def _fire(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    rule = slot.rule
    if rule.member_of is not None:
        join(slot, rule.member_of, subject, at, position, out)
        return
    slot.phase = FIRING
    alert_id = _next_id(slot, subject, position)
    store_id = rule.condition.evidence(slot.memory, subject).get("store_id")
    episode = slot.episode = Episode(rule.id, alert_id, at, store_id)
    if rule.repeat_every_ms is not None:
        episode.repeat_at = at + rule.repeat_every_ms
    episode.holding = _holding(slot)
    episode.severity = highest(episode.holding, rule.severity)
    inhibition.listen(slot, subject)
    _say(slot, subject, alert_id, "firing", at, position, out)
    announce(slot, subject, at, position, out)
    inhibition.hush(subject, at, position, out)
    wake(subject, rule.id, at)


def _go_on(slot: Slot, subject: Subject, truth: Truth, at: Millis, position: Position, out: list[Outcome]) -> None:
    """What becomes of an alert that fires."""
    momentary = slot.rule.condition.momentary
    if truth is False:
        end(slot, subject, at, position, out, ended_by=PASSED if momentary else None)
    elif truth is True and momentary and slot.episode is not None and at > slot.episode.since:
        # It happened again before anybody looked whether it was over.
        end(slot, subject, at, position, out, ended_by=PASSED)
        _fire(slot, subject, at, position, out)
    else:
        _rise_or_fall(slot, subject, at, position, out)


def _rise_or_fall(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """Bring the alert's severity to that of the steps that hold, and say so."""
    episode, rule = slot.episode, slot.rule
    assert episode is not None
    episode.holding = _holding(slot)
    before, after = episode.severity or rule.severity, highest(episode.holding, rule.severity)
    episode.severity = after
    if RANK[after] > RANK[before]:
        episode.risen_at = at
        _say(slot, subject, _next_id(slot, subject, position), "raised", at, position, out)
    elif after != before:
        out.append(_decision(slot, subject, _next_id(slot, subject, position), "lowered", at, position, before))


def _holding(slot: Slot) -> tuple[str, ...]:
    """The steps that hold. While the alert fires, one of which nothing is known stays what it was."""
    condition = slot.rule.condition
    if not isinstance(condition, Stepped):
        return ()
    before = () if slot.episode is None else slot.episode.holding
    truths = condition.truths(slot.memory).items()
    return tuple(severity for severity, truth in truths if truth or (truth is None and severity in before))


def end(
    slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome], *, ended_by: str | None = None
) -> None:
    """End the alert that fires: recovered, or by ``ended_by``. Only a recovery is an all-clear."""
    assert slot.episode is not None
    at = max(at, slot.episode.since)
    if slot.rule.member_of is not None:
        leave(slot, slot.rule.member_of, subject, at, position, out)
        return
    decision = _decision(slot, subject, _next_id(slot, subject, position), "resolved", at, position)
    if ended_by is not None:
        decision = msgspec.structs.replace(decision, summary=_ending(slot, subject, ended_by, decision.summary),
                                           notify=None, ended_by=ended_by)  # fmt: skip
    out.append(decision)
    retract(slot, subject, at, position, out)
    _close(slot, subject, at, OVER if ended_by not in (None, PASSED) else INACTIVE)


def _ending(slot: Slot, subject: Subject, ended_by: str, otherwise: str) -> str:
    if ended_by == PASSED:
        return otherwise
    if ended_by == BY_TIME:
        return f"{slot.rule.id} on {subject.id} ended by itself after {spoken(slot.rule.auto_resolve_after_ms or 0)}"
    return f"{slot.rule.id} on {subject.id} was resolved by {ended_by}"


def _close(slot: Slot, subject: Subject, at: Millis, phase: int) -> None:
    store = inhibition.store_of(slot, subject) if slot.rule.inhibited_in_store else None
    slot.phase = phase
    slot.episode = None
    inhibition.leave(subject, store)
    slot.settle()
    wake(subject, slot.rule.id, at)
    inhibition.release(subject, at)


def withdraw(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """End the alert of a rule that no longer concerns the device. Nobody is told that all is well."""
    assert slot.episode is not None
    at = max(at, slot.episode.since)
    if slot.rule.member_of is not None:
        leave(slot, slot.rule.member_of, subject, at, position, out, gone=True)
        return
    decision = _decision(slot, subject, _next_id(slot, subject, position), "resolved", at, position)
    reason = f"rule {slot.rule.id} no longer applies to {subject.id}"
    explanation = {"operator": WITHDRAWN, "result": None, "reason": reason}
    out.append(
        msgspec.structs.replace(decision, summary=reason, explanation=explanation, notify=None, ended_by=WITHDRAWN)
    )
    retract(slot, subject, at, position, out)
    _close(slot, subject, at, INACTIVE)


def say_again(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """Say that the alert still fires; what was not said before is said with it."""
    _say(slot, subject, _next_id(slot, subject, position), "repeat", at, position, out)


def _say(
    slot: Slot,
    subject: Subject,
    decision_id: str,
    transition: Transition,
    at: Millis,
    position: Position,
    out: list[Outcome],
) -> None:
    """A decision that somebody is to hear of, unless another rule speaks for it, it is snoozed, or it is old news."""
    episode = slot.episode
    assert episode is not None
    decision = _decision(slot, subject, decision_id, transition, at, position)
    case, notify = slot.rule.actions(decision.severity)
    silent_for, late = inhibition.inhibitor(slot, subject), late_by(subject)
    if transition == "repeat" and not episode.unsaid:
        case = None  # it was opened when it fired
    episode.say_at = None
    episode.inhibited_by = silent_for
    episode.unsaid = silent_for is not None or episode.snoozed_until is not None or late is not None
    out.append(
        msgspec.structs.replace(
            decision,
            case=None if silent_for or late else case,
            notify=notify,
            inhibited_by=silent_for,
            late_ms=late,
            snoozed_until=None if episode.snoozed_until is None else episode.snoozed_until + subject.lag,
        )
    )


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
    slot: Slot,
    subject: Subject,
    decision_id: str,
    transition: Transition,
    at: Millis,
    position: Position,
    before: str | None = None,
) -> Decision:
    """The decision that nobody hears of; ``before``: the severity that it had."""
    rule, facts, episode = slot.rule, subject.facts, slot.episode
    assert episode is not None
    severity = cast("Severity", episode.severity or rule.severity)
    return Decision(
        id=decision_id,
        rule_id=rule.id,
        rule_version=rule.version,
        subject=subject.id,
        at=at,
        transition=transition,
        alert_id=episode.alert_id,
        severity=severity,
        purpose=rule.purpose,
        position=position,
        customer_id=customer_of(subject, rule, transition),
        store_id=episode.store_id or facts.store,
        summary=_summary(slot, subject, transition, at, severity, before),
        values=_values(slot, subject),
        explanation=rule.condition.explain(slot.memory, subject, at),
        notify=rule.actions(severity)[1] if transition == "resolved" else None,
        rule_summary=rule.summary,
        cooldown_ms=rule.cooldown_ms,
    )


def _summary(
    slot: Slot, subject: Subject, transition: Transition, at: Millis, severity: str, before: str | None
) -> str:
    condition, memory = slot.rule.condition, slot.memory
    phrase: str | None = None
    if isinstance(condition, Stepped) and transition in ("raised", "lowered"):
        rises = transition == "raised"
        phrase = condition.step_phrase(severity if rises else before or "", memory, subject, at, holds=rises)
    phrase = phrase or condition.phrase(memory, subject, at, holds=transition != "resolved")
    sentence = phrase if subject.id in phrase or kind_of(subject.id) else f"{phrase} on {subject.id}"
    if transition in ("raised", "lowered"):
        return f"{transition} to {severity}: {sentence}"
    if transition == "repeat" and slot.episode is not None:
        return f"after {spoken(at - slot.episode.since)} still: {sentence}"
    return sentence


def _values(slot: Slot, subject: Subject) -> dict[str, Any]:
    samples = subject.samples
    values = slot.rule.condition.evidence(slot.memory, subject)
    values |= {name: samples[name][1] for name in slot.rule.metrics if name in samples}
    values |= {"device": subject.id, "model": subject.facts.model}
    if kind_of(subject.id):
        values |= slot.rule.condition.evidence(slot.memory, subject)
    store_id = (slot.episode.store_id if slot.episode is not None else None) or subject.facts.store
    if store_id is not None:
        values |= {"store_id": store_id, "store": subject.world.name_of(store_id)}
    return values
