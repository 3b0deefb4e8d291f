"""Alerts, and what people say of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, model_validator

from devices.event import Millis
from gateway.api.shapes.plain import Shape, Utc
from gateway.storage.alerts_read import Alert, Happening
from rules.duration import LONGEST, parse_duration

_EXAMPLE: Final[dict[str, Any]] = {
    "id": "d_0f3c2a9be1774d0c8a5be2d1c6f07a44",
    "rule_id": "chiller-too-warm",
    "device_id": "chiller-17",
    "customer_id": "aiko",
    "severity": "critical",
    "purpose": "maintenance",
    "summary": "raised to critical: temperature 12.4 is above 12 on chiller-17",
    "state": "firing",
    "fired_at": "2026-01-01T00:10:00.000Z",
    "raised_at": "2026-01-01T00:40:00.000Z",
    "resolved_at": None,
    "acknowledged_at": "2026-01-01T00:42:10.512Z",
    "acknowledged_by": "front desk",
    "snoozed_until": None,
    "inhibited_by": None,
    "ended_by": None,
}


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError as error:
        raise ValueError(", ".join(str(error).split("|"))) from error
    return text


class SnoozeBody(Shape):
    """Until when nobody is to hear of the alert: a time, or how long from now."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"for": "2h"}, {"until": "2026-01-01T09:00:00Z"}]}, populate_by_name=False
    )

    until: AwareDatetime | None = None
    span: Annotated[str, AfterValidator(_duration)] | None = Field(default=None, alias="for", max_length=50)

    @model_validator(mode="after")
    def _one_of_them(self) -> SnoozeBody:
        if (self.until is None) == (self.span is None):
            raise ValueError('say either {"for": "2h"} or {"until": "2026-01-01T09:00:00Z"}')
        return self

    def until_ms(self, now: Millis) -> Millis:
        """The end of the snooze.

        Raises:
            ValueError: it is not in the future, or more than ten years away.
        """
        if self.span is not None:
            return now + parse_duration(self.span)
        assert self.until is not None
        until = int(self.until.timestamp() * 1000)
        if not now < until <= now + LONGEST:
            raise ValueError("until: must lie in the future, at most ten years from now")
        return until


class AlertAnswer(Shape):
    """An alert: one rule on one device, from its firing to its end. ``device_id`` may be a group (``store/ginza``)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    rule_id: str
    device_id: str
    customer_id: str | None
    severity: str
    purpose: str
    summary: str
    state: str
    fired_at: Utc
    raised_at: Utc | None
    resolved_at: Utc | None
    acknowledged_at: Utc | None
    acknowledged_by: str | None
    snoozed_until: Utc | None
    inhibited_by: str | None
    ended_by: str | None

    @classmethod
    def of(cls, alert: Alert) -> AlertAnswer:
        """As the API gives it."""
        return cls(
            id=alert.id,
            rule_id=alert.rule_id,
            device_id=alert.subject,
            customer_id=alert.customer_id,
            severity=alert.severity,
            purpose=alert.purpose,
            summary=alert.summary,
            state=alert.state,
            fired_at=_moment(alert.fired_at),
            raised_at=_when(alert.raised_at),
            resolved_at=_when(alert.resolved_at),
            acknowledged_at=_when(alert.acknowledged_at),
            acknowledged_by=alert.acknowledged_by,
            snoozed_until=_when(alert.snoozed_until),
            inhibited_by=alert.inhibited_by,
            ended_by=alert.ended_by,
        )


class HappeningAnswer(Shape):
    """One moment of an alert's life: a decision, or a person's word."""

    at: Utc
    what: str
    severity: str | None
    summary: str | None
    decision_id: str | None
    by: str | None
    until: Utc | None

    @classmethod
    def of(cls, happening: Happening) -> HappeningAnswer:
        """As the API gives it."""
        return cls(
            at=_moment(happening.at),
            what=happening.what,
            severity=happening.severity,
            summary=happening.summary,
            decision_id=happening.decision_id,
            by=happening.by,
            until=_when(happening.until),
        )


class AlertWithHistory(AlertAnswer):
    """An alert with all that was decided and said about it, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "history": [
                        {
                            "at": "2026-01-01T00:42:10.512Z",
                            "what": "acknowledge",
                            "severity": None,
                            "summary": None,
                            "decision_id": None,
                            "by": "front desk",
                            "until": None,
                        }
                    ],
                }
            ]
        }
    )

    history: list[HappeningAnswer]


class AlertPage(Shape):
    """Alerts, newest first."""

    items: list[AlertAnswer]
    next: str | None


def _moment(at: Millis) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _when(at: Millis | None) -> datetime | None:
    return None if at is None else _moment(at)
