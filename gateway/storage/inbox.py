"""The inbox of a customer's app: their delivered messages of the channel ``inbox``, newest first, until they expire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, Select, and_, func, or_, select

from gateway.storage import paging
from gateway.storage.tables import messages, receipts

CHANNEL = "inbox"
_UNREAD = "delivered"
_SHOWN = (_UNREAD, "read", "clicked")
_AT = messages.c.created_at.label("at")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One message as the app shows it."""

    id: str
    decision_id: str
    purpose: str
    title: str
    text: str
    at: datetime
    """UTC."""
    read: bool
    read_at: datetime | None
    """``None`` too where a link in it was followed and nothing said that it was read."""
    expires_at: datetime | None


class Page(NamedTuple):
    """Newest first. ``next`` is the cursor of the page after, or ``None``; ``unread`` counts the whole inbox."""

    items: list[Item]
    next: str | None
    unread: int


def page(connection: Connection, customer_id: str, *, cursor: str | None = None, limit: int = 50) -> Page:
    """The newest ``limit`` messages, or those after ``cursor``; what has expired is not shown any more.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    query = _items(customer_id).where(_not_expired())
    key = (_AT, messages.c.id)
    items, following = paging.newest_first(connection, query, key, _item, cursor=cursor, limit=limit)
    return Page(items, following, unread(connection, customer_id))


def unread(connection: Connection, customer_id: str) -> int:
    """How many messages wait to be read."""
    query = select(func.count()).where(
        messages.c.customer_id == customer_id,
        messages.c.channel == CHANNEL,
        messages.c.state == _UNREAD,
        _not_expired(),
        _still_worded(),
    )
    return int(connection.execute(query).scalar_one())


def get(connection: Connection, customer_id: str, message_id: str) -> Item | None:
    """One message of the customer's inbox, expired or not; ``None`` where it has none of that id."""
    row = connection.execute(_items(customer_id).where(messages.c.id == message_id)).mappings().one_or_none()
    return None if row is None else _item(row)


def _item(row: RowMapping) -> Item:
    return Item(**row)


def _items(customer_id: str) -> Select[Any]:
    read = and_(receipts.c.message_id == messages.c.id, receipts.c.provider_id == "app", receipts.c.status == "read")
    return (
        select(
            messages.c.id,
            messages.c.decision_id,
            messages.c.purpose,
            messages.c.title,
            messages.c.body.label("text"),
            _AT,
            (messages.c.state != _UNREAD).label("read"),
            receipts.c.at.label("read_at"),
            messages.c.expires_at,
        )
        .select_from(messages.outerjoin(receipts, read))
        .where(messages.c.customer_id == customer_id, messages.c.channel == CHANNEL, messages.c.state.in_(_SHOWN))
        .where(_still_worded())
    )


def _still_worded() -> Any:
    """Retention takes text and address away before the message itself."""
    return messages.c.address != ""


def _not_expired() -> Any:
    return or_(messages.c.expires_at.is_(None), messages.c.expires_at > func.now())
