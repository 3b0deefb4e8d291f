"""Reading messages. They are written by the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from gateway.storage.tables import messages, receipts


class Receipt(msgspec.Struct, frozen=True):
    """What a provider or the app told us of a message."""

    status: str
    provider_id: str
    detail: dict[str, Any]
    at: datetime


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message on one channel, and how far it has come."""

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
    due_at: datetime
    first_sent_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


def get(connection: Connection, message_id: str) -> Message | None:
    """The message, or ``None``."""
    row = connection.execute(select(messages).where(messages.c.id == message_id)).mappings().one_or_none()
    return None if row is None else Message(**{name: row[name] for name in Message.__struct_fields__})


def receipts_of(connection: Connection, message_id: str) -> list[Receipt]:
    """What came back for it, oldest first."""
    query = select(receipts).where(receipts.c.message_id == message_id).order_by(receipts.c.at)
    return [
        Receipt(row["status"], row["provider_id"], row["detail"], row["at"])
        for row in connection.execute(query).mappings()
    ]


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """How many messages stand in each state, by channel."""
    counted: dict[str, dict[str, int]] = {}
    query = select(messages.c.channel, messages.c.state, func.count()).group_by(messages.c.channel, messages.c.state)
    for channel, state, number in connection.execute(query):
        counted.setdefault(channel, {})[state] = number
    return counted
