"""Reading messages. They are written by the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import Connection, RowMapping, func, select

from gateway.storage import paging
from gateway.storage.messages import Worded
from gateway.storage.paging import Page
from gateway.storage.tables import messages, receipts, timeline

State = Literal[
    "held",
    "queued",
    "sending",
    "unknown",
    "accepted",
    "failed",
    "expired",
    "withdrawn",
    "delivered",
    "read",
    "clicked",
]
STATES: tuple[State, ...] = get_args(State)


class Receipt(msgspec.Struct, frozen=True):
    """What a provider or the app told us of a message."""

    status: str
    provider_id: str
    detail: dict[str, Any]
    at: datetime


class Message(Worded, frozen=True, kw_only=True):
    """One message on one channel, and how far it has come."""

    template: str
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


class Happening(msgspec.Struct, frozen=True):
    """One thing that befell a message: a try, its outcome, a receipt, a person's word."""

    at: datetime
    summary: str
    state: str | None
    attempt: int | None
    """The how-manieth try it was about, where it was about one."""
    reason: str | None
    detail: dict[str, Any]


def get(connection: Connection, message_id: str) -> Message | None:
    """The message, or ``None``."""
    row = connection.execute(select(messages).where(messages.c.id == message_id)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def of_contact(connection: Connection, contact_id: str) -> list[Message]:
    """All messages of a contact, in the order in which they were made."""
    query = (
        select(messages)
        .where(messages.c.contact_id == contact_id)
        .order_by(messages.c.step, messages.c.created_at, messages.c.id)
    )
    return [_from_row(row) for row in connection.execute(query).mappings()]


def page(
    connection: Connection,
    *,
    state: State | None = None,
    channel: str | None = None,
    customer_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Message]:
    """Messages, the newest made first, narrowed by what is given.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    query = select(messages)
    columns = ((messages.c.state, state), (messages.c.channel, channel), (messages.c.customer_id, customer_id))
    for column, wanted in columns:
        if wanted is not None:
            query = query.where(column == wanted)
    key = (messages.c.created_at, messages.c.id)
    return paging.newest_first(connection, query, key, _from_row, cursor=cursor, limit=limit)


def history_of(connection: Connection, message: Message) -> list[Happening]:
    """All that befell ``message``, oldest first: each try, what the provider said to it, and what people did."""
    query = (
        select(timeline)
        # The index of timelines is by customer.
        .where(timeline.c.customer_id == message.customer_id, timeline.c.message_id == message.id)
        .order_by(timeline.c.at, timeline.c.ordinal)
    )
    return [_happening(row) for row in connection.execute(query).mappings()]


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


def _from_row(row: RowMapping) -> Message:
    return Message(**{name: row[name] for name in Message.__struct_fields__})


def _happening(row: RowMapping) -> Happening:
    detail = dict(row["detail"])
    state, attempt = detail.pop("state", None), detail.pop("attempts", None)
    return Happening(row["at"], row["summary"], state, attempt, row["reason"], detail)
