"""Cases and messages."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from gateway.api.shapes.plain import Id, Line, Object, Said, Shape, Summary, Text, Utc
from gateway.storage.cases import Case, Priority


class CaseBody(Shape):
    """A case that a person opens."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Asks for a second opinion on the compressor",
                    "customer_id": "aiko",
                    "device_id": "chiller-17",
                    "queue": "cold-chain",
                    "priority": "high",
                }
            ]
        }
    )

    title: Summary
    queue: Line = Field(default="support", min_length=1)
    priority: Priority = "normal"
    severity: Literal["critical", "major", "minor", "warning", "info"] | None = None
    customer_id: Id | None = None
    device_id: Id | None = None
    evidence: Object = Field(default_factory=dict)

    def to_case(self) -> Case:
        """As the storage takes it; the id is made there."""
        return Case(id="", **self.model_dump())


class AssignBody(Shape):
    """Who takes the case; ``null`` gives it back to its queue."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"assignee": "mika"}]})

    assignee: Line | None = Field(min_length=1)


class CommentBody(Shape):
    """What to write on the case."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"body": "Called back, a technician comes at three."}]})

    body: Said


class ResolveBody(Shape):
    """How it ended, in a few words."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"resolution": "Door seal replaced."}]})

    resolution: Text = ""


class CommentAnswer(Shape):
    """A comment as it is given."""

    id: str
    author: str
    body: str
    at: Utc


class CaseAnswer(Shape):
    """A case as lists give it."""

    id: str
    title: str
    queue: str
    priority: str
    state: str
    severity: str | None
    assignee: str | None
    alert_id: str | None
    customer_id: str | None
    device_id: str | None
    evidence: dict[str, Any]
    recovered_at: Utc | None
    opened_at: Utc | None
    resolved_at: Utc | None


class CaseWithComments(CaseAnswer):
    """A case with everything written on it."""

    comments: list[CommentAnswer]


class CasePage(Shape):
    """Cases, newest first."""

    items: list[CaseAnswer]
    next: str | None


class ReceiptAnswer(Shape):
    """What a provider or the app told us of a message."""

    status: str
    provider_id: str
    detail: dict[str, Any]
    at: Utc


class MessageAnswer(Shape):
    """A message and how far it has come."""

    id: str
    contact_id: str
    decision_id: str
    customer_id: str
    channel: str
    step: int
    address: str
    purpose: str
    template: str
    title: str
    body: str
    state: str
    reason: str | None
    provider: str | None
    provider_id: str | None
    attempts: int
    due_at: Utc
    first_sent_at: Utc | None
    expires_at: Utc | None
    created_at: Utc
    updated_at: Utc


class MessagePage(Shape):
    """Messages, newest first."""

    items: list[MessageAnswer]
    next: str | None


class HappeningAnswer(Shape):
    """One thing that befell a message: a try and what the provider said, a receipt, a person's word."""

    at: Utc
    summary: str
    state: str | None
    attempt: int | None
    reason: str | None
    detail: dict[str, Any]


class MessageWithHistory(MessageAnswer):
    """A message with all that befell it."""

    history: list[HappeningAnswer]
    receipts: list[ReceiptAnswer]
