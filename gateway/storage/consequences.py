"""What followed from a decision: whom it was decided to tell and how far that came, and the case."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from gateway.storage.decisions_read import Made
from gateway.storage.inquiries import Said, said_about
from gateway.storage.tables import cases, contacts, messages, timeline


class ContactMade(msgspec.Struct, frozen=True):
    """The attempt to reach one customer because of the decision."""

    id: str
    customer_id: str
    state: str
    steps: list[dict[str, Any]]
    step: int
    due_at: datetime | None
    expires_at: datetime | None


class MessageSent(msgspec.Struct, frozen=True):
    """One of its messages, in short."""

    id: str
    contact_id: str
    channel: str
    step: int
    state: str
    reason: str | None
    template: str
    title: str
    created_at: datetime
    updated_at: datetime


class CaseOpened(msgspec.Struct, frozen=True):
    """The case that the decision opened, or to which it added."""

    id: str
    title: str
    queue: str
    state: str
    assignee: str | None
    opened_at: datetime
    resolved_at: datetime | None


class Consequences(msgspec.Struct, frozen=True):
    """Everything that followed."""

    said: list[Said]
    contacts: list[ContactMade]
    messages: list[MessageSent]
    case: CaseOpened | None


def of(connection: Connection, made: Made) -> Consequences:
    """What followed from the decision ``made``."""
    opened = connection.execute(
        select(contacts)
        .where(contacts.c.alert_id == made.alert_id, contacts.c.decision_id == made.id)
        .order_by(contacts.c.created_at, contacts.c.id)
    ).mappings()
    tried = [ContactMade(**{name: row[name] for name in ContactMade.__struct_fields__}) for row in opened]
    written = connection.execute(
        select(messages)
        .where(messages.c.contact_id.in_([contact.id for contact in tried]))
        .order_by(messages.c.created_at, messages.c.step, messages.c.id)
    ).mappings()
    sent = [MessageSent(**{name: row[name] for name in MessageSent.__struct_fields__}) for row in written]
    return Consequences(said_about(connection, [made.id], made.at), tried, sent, _case(connection, made))


def _case(connection: Connection, made: Made) -> CaseOpened | None:
    """The one that the alert opened; else the one that was open already, which the timeline names."""
    found = connection.execute(select(cases).where(cases.c.alert_id == made.alert_id)).mappings().one_or_none()
    if found is None and made.customer_id is not None:
        named = (
            select(timeline.c.case_id)
            .where(timeline.c.customer_id == made.customer_id, timeline.c.decision_id == made.id)
            .where(timeline.c.case_id.is_not(None))
            .limit(1)
        )
        found = connection.execute(select(cases).where(cases.c.id.in_(named))).mappings().one_or_none()
    return None if found is None else CaseOpened(**{name: found[name] for name in CaseOpened.__struct_fields__})
