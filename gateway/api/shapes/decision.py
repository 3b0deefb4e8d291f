"""Decisions, why they were taken and what followed; and the answer to why there was none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.api.shapes.plain import Shape, Utc
from gateway.inquiring import Answer
from gateway.rule_text import RuleText
from gateway.storage.consequences import Consequences
from gateway.storage.decisions_read import Made
from gateway.storage.inquiries import Said, Transition
from rules.answer import headline, reasons
from rules.explained import explained
from rules.inquiry import Inquiry


def _utc(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC)


class RuleTextAnswer(Shape):
    """A rule as its author wrote it, in the version that decided."""

    set_version: str
    file: str
    line: int
    text: str

    @classmethod
    def of(cls, found: RuleText) -> RuleTextAnswer:
        """As the API gives it."""
        return cls(set_version=found.set_version, **found.excerpt._asdict())


class SaidAnswer(Shape):
    """What the contact policy said: a plan (`decision`), or a reason against telling anybody (`suppression`)."""

    at: Utc
    kind: str
    reason: str | None
    channel: str | None
    summary: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, said: Said) -> SaidAnswer:
        """As the API gives it."""
        return cls(**{name: getattr(said, name) for name in cls.model_fields})


class ContactAnswer(Shape):
    """The attempt to reach one customer: the channels in their order, and how many of them were begun."""

    id: str
    customer_id: str
    state: str
    steps: list[dict[str, Any]]
    step: int
    due_at: Utc | None
    expires_at: Utc | None


class MessageInShort(Shape):
    """A message and how far it has come."""

    id: str
    contact_id: str
    channel: str
    step: int
    state: str
    reason: str | None
    template: str
    title: str
    created_at: Utc
    updated_at: Utc


class CaseInShort(Shape):
    """The case that the decision opened, or to which it added."""

    id: str
    title: str
    queue: str
    state: str
    assignee: str | None
    opened_at: Utc
    resolved_at: Utc | None


class DecisionAnswer(Shape):
    """A decision, the condition tree that explains it (times in ms; `lines` is the same to read), and what followed.

    `at` is event time. `rule` is null where the set that decided is no longer kept.
    """

    id: str
    rule_id: str
    rule_version: str
    device_id: str
    customer_id: str | None
    store_id: str | None
    transition: str
    alert_id: str
    severity: str
    purpose: str
    summary: str
    at: Utc
    made_at: Utc
    position: dict[str, int]
    values: dict[str, Any]
    explanation: dict[str, Any]
    lines: list[str]
    rule: RuleTextAnswer | None
    said: list[SaidAnswer]
    contacts: list[ContactAnswer]
    messages: list[MessageInShort]
    case: CaseInShort | None

    @classmethod
    def of(cls, made: Made, text: RuleText | None, followed: Consequences) -> DecisionAnswer:
        """As the API gives it."""
        return cls(
            id=made.id,
            rule_id=made.rule_id,
            rule_version=made.rule_version,
            device_id=made.subject,
            customer_id=made.customer_id,
            store_id=made.store_id,
            transition=made.transition,
            alert_id=made.alert_id,
            severity=made.severity,
            purpose=made.purpose,
            summary=made.summary,
            at=datetime.fromtimestamp(made.at / 1000, UTC),
            made_at=made.made_at,
            position={"seq": made.seq, "index": made.index},
            values=made.values,
            explanation=made.explanation,
            lines=explained(made.explanation),
            rule=None if text is None else RuleTextAnswer.of(text),
            said=[SaidAnswer.of(each) for each in followed.said],
            contacts=[ContactAnswer.model_validate(each) for each in followed.contacts],
            messages=[MessageInShort.model_validate(each) for each in followed.messages],
            case=None if followed.case is None else CaseInShort.model_validate(followed.case),
        )


class UnmetAnswer(Shape):
    """A part of `for_devices` that the device does not meet."""

    part: str
    wanted: str
    found: str | None


class StandingAnswer(Shape):
    """The alert at that time."""

    phase: str
    since: Utc | None
    alert_id: str | None
    severity: str | None
    acknowledged_at: Utc | None
    acknowledged_by: str | None
    snoozed_until: Utc | None
    inhibited_by: str | None
    repeat_at: Utc | None
    closed: bool

    @classmethod
    def of(cls, inquiry: Inquiry) -> StandingAnswer | None:
        """As the API gives it."""
        alert = inquiry.alert
        if alert is None:
            return None
        return cls(
            phase=alert.phase,
            since=_utc(alert.since),
            alert_id=alert.alert_id,
            severity=alert.severity,
            acknowledged_at=_utc(alert.acknowledged_at),
            acknowledged_by=alert.acknowledged_by,
            snoozed_until=_utc(alert.snoozed_until),
            inhibited_by=alert.inhibited_by,
            repeat_at=_utc(alert.repeat_at),
            closed=alert.closed,
        )


class TransitionAnswer(Shape):
    """A decision of the rule on the device, and what the contact policy said about it."""

    id: str
    at: Utc
    transition: str
    severity: str
    rule_version: str
    summary: str
    said: list[SaidAnswer]

    @classmethod
    def of(cls, made: Transition, said: list[Said]) -> TransitionAnswer:
        """As the API gives it."""
        return cls(
            id=made.decision_id,
            at=datetime.fromtimestamp(made.at / 1000, UTC),
            transition=made.transition,
            severity=made.severity,
            rule_version=made.rule_version,
            summary=made.summary,
            said=[SaidAnswer.of(each) for each in said if each.decision_id == made.decision_id],
        )


class ExplainAnswer(Shape):
    """What the rule made of the device at `at`, by the device's own clock.

    `verdict`: `fires`, `pending`, `true`, `false`, `unknown`, `not_concerned`, `no_such_rule`, `unknown_device` or
    `too_long_ago`. `reasons` say in words what was missing. `explanation` is the condition tree (times in ms), `lines`
    the same to read. `log_begins_at`: what was known before is missing.
    """

    rule_id: str
    device_id: str
    at: Utc
    verdict: str
    headline: str
    reasons: list[str]
    rule_version: str | None
    unmet: list[UnmetAnswer]
    explanation: dict[str, Any]
    lines: list[str]
    alert: StandingAnswer | None
    group: str | None
    heard_at: Utc | None
    next_look_at: Utc | None
    lag_ms: int
    log_begins_at: Utc | None
    decisions: list[TransitionAnswer]

    @classmethod
    def of(cls, answer: Answer) -> ExplainAnswer:
        """As the API gives it."""
        inquiry, after = answer.inquiry, answer.aftermath
        return cls(
            rule_id=inquiry.rule_id,
            device_id=inquiry.device_id,
            at=datetime.fromtimestamp(inquiry.at / 1000, UTC),
            verdict=inquiry.verdict,
            headline=headline(inquiry),
            reasons=reasons(inquiry),
            rule_version=inquiry.rule_version,
            unmet=[UnmetAnswer(**each._asdict()) for each in inquiry.unmet],
            explanation=inquiry.explanation,
            lines=explained(inquiry.explanation) if inquiry.explanation else [],
            alert=StandingAnswer.of(inquiry),
            group=inquiry.group,
            heard_at=_utc(inquiry.heard_at),
            next_look_at=_utc(inquiry.next_look_at),
            lag_ms=inquiry.lag,
            log_begins_at=_utc(answer.begins_at),
            decisions=[TransitionAnswer.of(each, after.said) for each in after.transitions],
        )
